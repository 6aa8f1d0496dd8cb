-- Takes shards over: a higher epoch wins, the same epoch only for the same owner.
-- KEYS: the fence of each shard. ARGV: owner, then the epoch of each claim.
-- Returns per shard: the last commit number as a string, or {epoch, owner} of the fence that stands.
local owner = ARGV[1]
local results, granted = {}, {}
for i, key in ipairs(KEYS) do
  local epoch = ARGV[i + 1]
  local fence = granted[key] or redis.call('GET', key) or '-1 0 -1 '
  local stood, last, under, holder = string.match(fence, '^(%-?%d+) (%d+) (%-?%d+) (.*)$')
  if tonumber(epoch) > tonumber(stood) or (epoch == stood and holder == owner) then
    granted[key] = epoch .. ' ' .. last .. ' ' .. under .. ' ' .. owner
    results[i] = last
  else
    results[i] = { stood, holder }
  end
end
for key, fence in pairs(granted) do
  redis.call('SET', key, fence)
end
return results
