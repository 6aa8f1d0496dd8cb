-- Several reads in one answer.
-- KEYS: what each of them looks at. ARGV: for each a letter, then what that letter takes:
--   l from to limit: part of a log, its first events of that part; without `from` the last ones up to `to`
--   e: an entity's fields; k: an expiring record; s member: whether a set has it.
-- Returns an answer for each: of a log its length, the number of the first event, events; of an entity field, value,
-- again and again; of a record its value or nothing; of a set 0 or 1.
local call = redis.call

local function part_of_log(key, from, to, limit)
  local log_end = call('LLEN', key)
  local last = math.min(tonumber(to) or log_end, log_end)
  local first
  if from == '' then first = math.max(1, last - limit + 1)
  else
    first = tonumber(from)
    last = math.min(last, first + limit - 1)
  end
  local answer = { log_end, first }
  if first > last then return answer end
  for i, event in ipairs(call('LRANGE', key, first - 1, last - 1)) do answer[i + 2] = event end
  return answer
end

local answers = {}
local at = 1
for i, key in ipairs(KEYS) do
  local op = ARGV[at]
  if op == 'l' then
    answers[i] = part_of_log(key, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
    at = at + 4
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
