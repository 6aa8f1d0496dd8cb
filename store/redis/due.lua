-- Timers that are due by this server's time, oldest first.
-- KEYS: the timers of each shard, `{prefix:partition}shard:t`. ARGV: limit in all, limit of each shard.
-- Returns a flat list: index of the key, id, value, due time; again and again.
local limit = tonumber(ARGV[1])
local clock = redis.call('TIME')
local now = string.format('%.0f', tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000))
local found = {}
for i, key in ipairs(KEYS) do
  local ids = redis.call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
  for j = 1, #ids, 2 do
    found[#found + 1] = { i, ids[j], tonumber(ids[j + 1]) }
  end
end
table.sort(found, function(a, b)
  if a[3] ~= b[3] then return a[3] < b[3] end
  if a[1] ~= b[1] then return a[1] < b[1] end
  return a[2] < b[2]
end)
local answer = {}
for n = 1, math.min(limit, #found) do
  local entry = found[n]
  local value = redis.call('HGET', string.sub(KEYS[entry[1]], 1, -2) .. 'T', entry[2])
  answer[#answer + 1] = entry[1]
  answer[#answer + 1] = entry[2]
  answer[#answer + 1] = value or ''
  answer[#answer + 1] = string.format('%.0f', entry[3])
end
return answer
