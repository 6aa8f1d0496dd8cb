-- Several reads in one answer.
-- KEYS: what each of them looks at. ARGV: for each a letter, then what that letter takes:
--   l from to limit bytes: part of a log, its first events of that part; without `from` the last ones up to `to`. Of
--   more than so many bytes only what fits, but one event
--   e: an entity's fields; k: an expiring record; s member: whether a set has it.
-- Returns an answer for each: of a log its length, the number of the first event, events; of an entity field, value,
-- again and again; of a record its value or nothing; of a set 0 or 1.
local call = redis.call

-- Large events are not all read before it is known how many fit.
local stride = 16

-- The events of these numbers that fit, one at least, in the order in which they are met: from the first on, or `down`
-- from the last.
local function fitting(key, first, last, down, room)
  local found = {}
  while #found <= last - first do
    local from = down and math.max(first, last - #found - stride + 1) or first + #found
    local to = down and last - #found or math.min(last, from + stride - 1)
    local events = call('LRANGE', key, from - 1, to - 1)
    for i = 1, #events do
      local event = events[down and #events + 1 - i or i]
      room = room - #event
      if room < 0 and #found > 0 then return found end
      found[#found + 1] = event
    end
  end
  return found
end

local function part_of_log(key, from, to, limit, bytes)
  local log_end = call('LLEN', key)
  local last = math.min(tonumber(to) or log_end, log_end)
  local down = from == ''
  local first = down and math.max(1, last - limit + 1) or tonumber(from)
  if not down then last = math.min(last, first + limit - 1) end
  local found = fitting(key, first, last, down, tonumber(bytes) or math.huge)
  local answer = { log_end, down and last - #found + 1 or first }
  for i = 1, #found do answer[i + 2] = found[down and #found + 1 - i or i] end
  return answer
end

local answers = {}
local at = 1
for i, key in ipairs(KEYS) do
  local op = ARGV[at]
  if op == 'l' then
    answers[i] = part_of_log(key, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
    at = at + 5
  elseif op == 'k' then
    answers[i] = call('GET', key)
    at = at + 1
  elseif op == 'e' then
    answers[i] = call('HGETALL', key)
    at = at + 1
  else
    answers[i] = call('SISMEMBER', key, ARGV[at + 1])
    at = at + 2
  end
end
return answers
