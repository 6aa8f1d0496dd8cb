-- Applies the commits of several shards, each wholly or not at all, with a verdict for each.
-- Lua does not roll back: everything that can fail is looked at before the first write. Should a write fail all the same
-- (a right that is missing, a key of another type), what was not begun keeps its old fence, and what was begun gets one
-- that takes no repeat for committed.
-- A command costs more than what it does, so that one looks at all fences and few write: see batch.ts.
-- KEYS: the fence of each shard, `{prefix:partition}shard:f`; its other keys differ after the last colon.
-- ARGV: owner, '1' in a cluster, then per shard: epoch, number, count of the arguments that follow, writes, appends first.
-- Returns per shard: 0 committed, or {'f', epoch, owner}, {'s', last}, {'h', last}.
local owner = ARGV[1]
local cluster = ARGV[2] == '1'
local call = redis.call
local width = { s = 4, u = 3, k = 4, e = 3, o = 3, x = 2, t = 4, d = 2, j = 3, l = 3 }
local verdicts, plans = {}, {}
-- Lua hands a function some thousands of arguments at once, not more.
local most = 1000

local held = call('MGET', unpack(KEYS))
local at = 3
for i, fence in ipairs(KEYS) do
  local epoch, number, first = ARGV[at], ARGV[at + 1], at + 3
  local last = first + tonumber(ARGV[at + 2]) - 1
  at = last + 1
  local stood, stored, under, holder = string.match(held[i] or '0 0 -1 ', '^(%d+) (%d+) (%-?%d+) (.*)$')
  local wanted = tonumber(number)
  if stood ~= epoch or holder ~= owner then
    verdicts[i] = { 'f', stood, holder }
  elseif wanted == stored + 1 then
    verdicts[i] = 0
    local base = string.sub(fence, 1, -2)
    plans[#plans + 1] = { fence, base, epoch, number, first, last, held[i] }
    -- In a slot that is being moved away, a key that does not exist is refused. A commit may empty a key and fill it
    -- again, so that no key of its own tells: this one exists never.
    if cluster then call('EXISTS', base .. '?') end
    local w = first
    while w <= last and ARGV[w] == 'a' do
      local log_end = call('LLEN', base .. 'l:' .. ARGV[w + 1])
      if tonumber(ARGV[w + 2]) ~= log_end + 1 then
        return redis.error_reply('CORRUPT ' .. i .. ' ' .. w .. ' ' .. log_end)
      end
      w = w + 4 + ARGV[w + 3]
    end
  elseif wanted > tonumber(stored) then
    verdicts[i] = { 'h', stored }
  elseif number == stored and under == epoch then
    verdicts[i] = 0
  else
    verdicts[i] = { 's', stored }
  end
end

local clock = call('TIME')
-- The millisecond that has begun does not count: a timer is never early.
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) + 1
local dirty = false

-- First, so that a server that takes no writes refuses here, with nothing written.
local function fence_all()
  local fences = {}
  for i, plan in ipairs(plans) do
    fences[#fences + 1] = plan[1]
    fences[#fences + 1] = plan[3] .. ' ' .. plan[4] .. ' ' .. plan[3] .. ' ' .. owner
    if #fences >= most or i == #plans then
      call('MSET', unpack(fences))
      dirty = true
      fences = {}
    end
  end
end

-- Whether anything was written of the commit that is being applied.
local begun = false
local function write(...)
  local answer = call(...)
  begun = true
  return answer
end

local function apply(plan)
  local base, w, last = plan[2], plan[5], plan[6]
  while w <= last do
    local op, a, b, c = ARGV[w], ARGV[w + 1], ARGV[w + 2], ARGV[w + 3]
    if op == 'a' then
      local after = w + 4 + c
      for from = w + 4, after - 1, most do
        write('RPUSH', base .. 'l:' .. a, unpack(ARGV, from, math.min(from + most, after) - 1))
      end
      w = after
    else
      if op == 's' then write('HSET', base .. 'e:' .. a, b, c)
      elseif op == 'u' then write('HDEL', base .. 'e:' .. a, b)
      elseif op == 'k' then write('SET', base .. 'k:' .. a, c, 'PX', b)
      elseif op == 'e' then
        local key = base .. 'k:' .. a
        -- Where there was nothing, what was added now stands alone and never expires: it is taken back.
        if write('APPEND', key, b) == #b and call('PTTL', key) == -1 then call('DEL', key) end
      elseif op == 'o' then
        write('ZADD', base .. 'o', 0, a)
        write('HSET', base .. 'O', a, b)
      elseif op == 'x' then
        write('ZREM', base .. 'o', a)
        write('HDEL', base .. 'O', a)
      elseif op == 't' then
        write('ZADD', base .. 't', string.format('%.0f', now + tonumber(b)), a)
        write('HSET', base .. 'T', a, c)
      elseif op == 'd' then
        write('ZREM', base .. 't', a)
        write('HDEL', base .. 'T', a)
      elseif op == 'j' then write('SADD', base .. 's:' .. a, b)
      elseif op == 'l' then write('SREM', base .. 's:' .. a, b)
      end
      w = w + width[op]
    end
  end
end

local done = 0
local ok, reason = pcall(fence_all)
while ok and done < #plans do
  begun = false
  ok, reason = pcall(apply, plans[done + 1])
  if ok then done = done + 1 end
end
if ok then return verdicts end

local half = begun
for i = done + 1, #plans do
  local fence, _, epoch, number, _, _, before = unpack(plans[i])
  if begun and i == done + 1 then before = epoch .. ' ' .. number .. ' -1 ' .. owner end
  if dirty and not pcall(call, 'SET', fence, before) then half = true end
end
local text = type(reason) == 'table' and reason.err or tostring(reason)
if half then text = 'PARTIAL ' .. text elseif done > 0 then text = 'SOME ' .. text end
return redis.error_reply(text)
