/**
 * Takes a beat in, as a whole or not at all.
 *
 * `KEYS`: the hash of the replica, the sorted set of all replicas' names by when they end.
 * `ARGV`: the name, the lifetime in milliseconds, when the replica started, who writes, the beat's number, whether it
 * is whole (`1`), how many of the rest are fields and values, those, and the fields to remove.
 *
 * In the hash, the field without a name holds: when the replica started, who wrote last, the number of the last beat,
 * and which beat was the last that changed anything, so that readers know whether to look.
 *
 * A beat that comes after one that was sent later (Redis was stopped, and found both on two connections) must not
 * undo it: it is passed over.
 */
export const BEAT_SCRIPT = `
local hash, names = KEYS[1], KEYS[2]
local name, lifetime, startedAt, writer, number, whole, count =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1', tonumber(ARGV[7])
local first, last = 8, 7 + count

local meta = redis.pcall('HGET', hash, '')
if type(meta) ~= 'string' then meta = '' end
local knownStart, knownWriter, knownNumber, content = string.match(meta, '^(%d+) (%S+) (%d+) (%S+)$')
local known = knownStart == startedAt
if not known and not whole then return 0 end
if known and knownWriter == writer and tonumber(knownNumber) >= tonumber(number) then return 1 end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', names, now + lifetime, name)
redis.call('ZREMRANGEBYSCORE', names, '-inf', now)
redis.call('PEXPIRE', names, lifetime)

-- In pieces, since the arguments of one call have to fit on a stack.
local function each(command, from, to)
  for at = from, to, 1000 do
    redis.call(command, hash, unpack(ARGV, at, math.min(at + 999, to)))
  end
end
if whole then redis.call('DEL', hash) end
each('HSET', first, last)
each('HDEL', last + 1, #ARGV)
if whole or #ARGV >= first then content = writer .. ':' .. number end
redis.call('HSET', hash, '', table.concat({ startedAt, writer, number, content }, ' '))
redis.call('PEXPIRE', hash, lifetime)
return 1
`
