-- Applies the commits of several shards, each wholly or not at all, with a verdict for each.
-- Lua does not roll back: everything that can fail is looked at before the first write.
-- KEYS: the fence of each shard, `{prefix:partition}shard:f`; its other keys differ after the last colon.
-- ARGV: owner, '1' in a cluster, then per shard: epoch, number, count of the arguments that follow, writes.
-- Returns per shard: 0 committed, or {'f', epoch, owner}, {'s', last}, {'h', last}.
local owner = ARGV[1]
local cluster = ARGV[2] == '1'
local width = { a = 4, s = 4, u = 3, k = 4, e = 3, o = 3, x = 2, t = 4, d = 2, j = 3, l = 3 }
local verdicts, plans, ends = {}, {}, {}

-- In a slot that is being moved away, a key that does not exist yet cannot be created: better learnt now.
local function touch(base, op, name)
  if op == 's' or op == 'u' then redis.call('EXISTS', base .. 'e:' .. name)
  elseif op == 'k' or op == 'e' then redis.call('EXISTS', base .. 'k:' .. name)
  elseif op == 'j' or op == 'l' then redis.call('EXISTS', base .. 's:' .. name)
  elseif op == 'o' or op == 'x' then redis.call('EXISTS', base .. 'o', base .. 'O')
  elseif op == 't' or op == 'd' then redis.call('EXISTS', base .. 't', base .. 'T')
  end
end

local at = 3
for i, fence in ipairs(KEYS) do
  local epoch, number, first = ARGV[at], ARGV[at + 1], at + 3
  local last = first + tonumber(ARGV[at + 2]) - 1
  at = last + 1
  local held = redis.call('HMGET', fence, 'e', 'o', 'n', 'c')
  local stored = tonumber(held[3] or '0')
  local wanted = tonumber(number)
  if held[1] ~= epoch or held[2] ~= owner then
    verdicts[i] = { 'f', held[1] or '0', held[2] or '' }
  elseif wanted == stored + 1 then
    verdicts[i] = 0
    local base = string.sub(fence, 1, -2)
    plans[#plans + 1] = { fence, base, epoch, number, first, last }
    local w = first
    while w <= last do
      local op = ARGV[w]
      if op == 'a' then
        local key = base .. 'l:' .. ARGV[w + 1]
        local seq = tonumber(ARGV[w + 2])
        local log_end = ends[key] or redis.call('XLEN', key)
        if seq ~= log_end + 1 then
          return redis.error_reply('CORRUPT ' .. i .. ' ' .. w .. ' ' .. log_end)
        end
        ends[key] = seq
      elseif cluster then
        touch(base, op, ARGV[w + 1])
      end
      w = w + width[op]
    end
  elseif wanted > stored then
    verdicts[i] = { 'h', tostring(held[3] or '0') }
  elseif wanted == stored and held[4] == epoch then
    verdicts[i] = 0
  else
    verdicts[i] = { 's', tostring(held[3] or '0') }
  end
end

local clock = redis.call('TIME')
-- The millisecond that has begun does not count: a timer is never early.
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) + 1
local call = redis.call
local dirty = false

local function apply(plan)
  local fence, base, w, last = plan[1], plan[2], plan[5], plan[6]
  -- First, so that a server that takes no writes refuses here, with nothing written.
  call('HSET', fence, 'n', plan[4], 'c', plan[3])
  dirty = true
  while w <= last do
    local op, a, b, c = ARGV[w], ARGV[w + 1], ARGV[w + 2], ARGV[w + 3]
    if op == 'a' then call('XADD', base .. 'l:' .. a, b .. '-0', 'e', c)
    elseif op == 's' then call('HSET', base .. 'e:' .. a, b, c)
    elseif op == 'u' then call('HDEL', base .. 'e:' .. a, b)
    elseif op == 'k' then call('SET', base .. 'k:' .. a, c, 'PX', b)
    elseif op == 'e' then
      local key = base .. 'k:' .. a
      -- Where there was nothing, what was added now stands alone and never expires: it is taken back.
      if call('APPEND', key, b) == #b and call('PTTL', key) == -1 then call('DEL', key) end
    elseif op == 'o' then
      call('ZADD', base .. 'o', 0, a)
      call('HSET', base .. 'O', a, b)
    elseif op == 'x' then
      call('ZREM', base .. 'o', a)
      call('HDEL', base .. 'O', a)
    elseif op == 't' then
      call('ZADD', base .. 't', string.format('%.0f', now + tonumber(b)), a)
      call('HSET', base .. 'T', a, c)
    elseif op == 'd' then
      call('ZREM', base .. 't', a)
      call('HDEL', base .. 'T', a)
    elseif op == 'j' then call('SADD', base .. 's:' .. a, b)
    elseif op == 'l' then call('SREM', base .. 's:' .. a, b)
    end
    w = w + width[op]
  end
end

for _, plan in ipairs(plans) do
  local ok, reason = pcall(apply, plan)
  if not ok then
    local text = type(reason) == 'table' and reason.err or tostring(reason)
    if dirty then text = 'PARTIAL ' .. text end
    return redis.error_reply(text)
  end
end
return verdicts
