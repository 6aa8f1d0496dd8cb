-- A page of a shard's obligations in the order of their ids.
-- KEYS: the ids, `{prefix:partition}shard:o`, and the values, `...:O`. ARGV: lower bound, limit.
-- Returns a flat list: id, value; again and again.
local ids = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
local answer = {}
for i, id in ipairs(ids) do
  answer[2 * i - 1] = id
  answer[2 * i] = redis.call('HGET', KEYS[2], id) or ''
end
return answer
