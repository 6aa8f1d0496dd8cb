-- Takes shards over: a higher epoch wins, the same epoch only for the same owner.
-- KEYS: the fence of each shard. ARGV: owner, then the epoch of each claim.
-- Returns per shard: the last commit number as a string, or {epoch, owner} of the fence that stands.
local owner = ARGV[1]
local results, granted = {}, {}
for i, fence in ipairs(KEYS) do
  local held = redis.call('HMGET', fence, 'e', 'o', 'n')
  local epoch = ARGV[i + 1]
  local mine = granted[fence]
  local stood = mine and tonumber(mine) or tonumber(held[1] or '-1')
  local holder = mine and owner or held[2]
  if tonumber(epoch) > stood or (tonumber(epoch) == stood and holder == owner) then
    granted[fence] = epoch
    results[i] = held[3] or '0'
  else
    results[i] = { mine or held[1], holder }
  end
end
for fence, epoch in pairs(granted) do
  redis.call('HSET', fence, 'e', epoch, 'o', owner)
end
return results
