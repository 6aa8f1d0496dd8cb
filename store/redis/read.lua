-- Several reads in one answer.
-- KEYS: what each of them looks at. ARGV: for each a letter, then what that letter takes:
--   l from to limit: part of a log, ascending; without `from` descending from `to`
--   e: an entity's fields; k: an expiring record; s member: whether a set has it.
-- Returns an answer for each: of a log its length and then number, event, again and again; of an entity field, value,
-- again and again; of a record its value or nothing; of a set 0 or 1.
local call = redis.call

local function part_of_log(key, from, to, limit)
  local answer = { call('XLEN', key) }
  local entries
  if from == '' then entries = call('XREVRANGE', key, to, '-', 'COUNT', limit)
  else entries = call('XRANGE', key, from, to, 'COUNT', limit)
  end
  for i, entry in ipairs(entries) do
    answer[2 * i] = tonumber(string.sub(entry[1], 1, -3))
    answer[2 * i + 1] = entry[2][2]
  end
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
