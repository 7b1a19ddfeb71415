#!lua name=@FURROW_LIBRARY@
--[[
The atomic steps of the store, as a library of Redis functions (https://redis.io/docs/latest/develop/programmability/).
`furrow provision` loads it, services call it (FCALL) and may load or evaluate nothing. What the steps mean stands in
record.h; here is how they keep their promises.

The library's name holds a hash of this text (see CMakeLists.txt), and so do the names of its functions: two versions
live side by side while services are replaced one after the other, and one text never takes the place of another.

Rules, which tests/integration/test_functions.c tries to break:
  - A function touches the keys it is given and no other, but for values that `remember` and `forget` drop: what names
    them stands in a list that they are given, and all of it lies beside that list. Redis checks each command of a function against the rights of the
    user who called, too.
  - Its work is bounded by its arguments. Counts that come as arguments are whole numbers with a bound; no loop ends
    by what is stored.
  - Records are written last. Where Redis stops a function before that (a key of a wrong type), their versions are
    still old, so the same call does all of it again instead of taking it for done.
]]

local TOMBSTONE_SECONDS = 604800 -- FURROW_TOMBSTONE_SECONDS in record.h
local BATCH = 1000 -- records of one call
local INDEXES = 26 -- an index is a letter
local ENTRIES = 100000 -- index entries of one record
local ENTITIES = 16 -- that a remembered value tells of: FURROW_REMEMBERED_OF_MAX in record.h
local STEP = 1000 -- index entries that one command takes
local DROPPED = 100 -- remembered values that one call takes away
-- Bytes that Redis 7 was measured to need for a remembered value beside what is in it, and for each list that it is in.
local BESIDE, LISTED = 300, 1050

-- The whole number from @least to @most that @text is.
local function whole(text, least, most)
  local number = tonumber(text)
  if number and number >= least and number <= most and number % 1 == 0 then return number end
  error('a number from ' .. least .. ' to ' .. most .. ' was expected')
end

local function expect_keys(keys, count)
  if #keys ~= count then error(count .. ' keys were expected') end
end

--[[
A table's build: "<build> <newest> <dated> <time>" at "@build". Who it is (every rebuild draws an identity of its own);
the newest version that was written; the newest of which it is known when the log took it, and when that was. A step
carries the build that it belongs to, and does nothing in any other. It answers this error then.
]]
local REBUILT = 'REBUILT these records belong to another build by now'

-- What is stored at @key, if the table belongs to @build; '' is a table that nobody guards.
local function belongs(key, build)
  if build == '' then return '' end
  local stored = redis.call('GET', key)
  if stored and string.sub(stored, 1, #build + 1) == build .. ' ' then return stored end
  return nil
end

-- Notes in the build @stored that versions up to @newest were written, and when the log took the version @dated.
local function note_newest(key, stored, build, newest, dated, time)
  if stored == '' then return end
  local old_newest, old_dated, old_time = string.match(stored, ' (%d+) (%d+) (%d+)$')
  local n, d = whole(newest, 0, 2 ^ 53), whole(dated, 0, 2 ^ 53)
  local grown, redated = n > (tonumber(old_newest) or 0), d > (tonumber(old_dated) or 0)
  if not grown and not redated then return end
  if not grown then newest = old_newest end
  if not redated then dated, time = old_dated or '0', old_time or '0' end
  redis.call('SET', key, build .. ' ' .. newest .. ' ' .. dated .. ' ' .. time)
end

--[[
An owner's build also notes which versions are in it, at "@applied": the version `base`, in 8 bytes, up to which all are;
the build; and behind that a bit for each version from there on. So nobody has to read from the log what is there. It is
begun by who moves the marker on (`move`); where it is missing, or another build's, or where the user may not do that yet
(`furrow permissions` of an earlier release), nothing is noted, and read instead.
]]
local NOTED = 2 ^ 23 -- versions past the base; what is further is not noted

-- The base of @applied, if it is of @build; and how many bytes there are before its bits.
local function base_of(applied, build)
  local before = 8 + #build
  local head = redis.pcall('GETRANGE', applied, 0, before - 1)
  if type(head) ~= 'string' or #head ~= before or string.sub(head, 9) ~= build then return nil, before end
  return struct.unpack('>L', head), before
end

-- After the records: who is stopped in between reads them from the log once more.
local function note_applied(applied, base, before, versions)
  if not base then return end
  local bits, b = {}, 0
  for i = 1, #versions do
    local at = versions[i] - base - 1
    if at >= 0 and at < NOTED then
      bits[b + 1], bits[b + 2], bits[b + 3], bits[b + 4] = 'SET', 'u1', 8 * before + at, 1
      b = b + 4
    end
  end
  if b > 0 then redis.pcall('BITFIELD', applied, unpack(bits)) end
end

-- All up to @position is in @build: the base follows, in whole bytes.
local function move_base(applied, build, position)
  local base, before = base_of(applied, build)
  local to, bits = position - position % 8, ''
  if base and to <= base then return end
  if base then bits = redis.call('GETRANGE', applied, before + (to - base) / 8, -1) end
  redis.call('SET', applied, struct.pack('>L', to) .. build .. bits)
end

--[[
Notes in the list @ids (<prefix>@ids) whose records were not there before: by it a table is cleared, as nobody may look
for keys. An element is up to a batch of ids with spaces between. @fresh: their keys; when they are the whole batch,
@joined is what to note, and no text has to be cut.
]]
local function note_ids(ids, fresh, count, joined)
  if #fresh == 0 then return end
  if #fresh < count then
    local from = #ids - 3 -- the id begins where "@ids" does
    for i = 1, #fresh do fresh[i] = string.sub(fresh[i], from) end
    joined = table.concat(fresh, ' ')
  end
  redis.call('RPUSH', ids, joined)
end

--[[
Records without anything that follows from them. KEYS: n records, the ids, the build, @applied. ARGV: the build, newest, dated and
time of the batch, the ids joined, n new values. '>L' is 8 bytes big-endian as a number, exact below 2^53. (Lua's own
string comparison goes by the server's locale.) A value of 8 bytes is a tombstone. Answers how many were newer than what
was stored.
]]
local function upsert(K, A)
  local call, number = redis.call, struct.unpack
  local n = whole(#A - 5, 1, BATCH)
  expect_keys(K, n + 3)
  local ids, stored = K[n + 1], belongs(K[n + 2], A[1])
  if not stored then return redis.error_reply(REBUILT) end
  local old = call('MGET', unpack(K, 1, n))
  local set, s, dead, fresh, f, versions = {}, 0, {}, {}, 0, {}
  for i = 1, n do
    local new, cur = A[i + 5], old[i]
    local known = cur and #cur >= 8
    versions[i] = number('>L', new)
    if not known or versions[i] > number('>L', cur) then
      if #new > 8 then
        set[s + 1], set[s + 2] = K[i], new
        s = s + 2
      else
        dead[#dead + 1] = i
      end
      if not known then
        f = f + 1
        fresh[f] = K[i]
      end
    end
  end
  note_newest(K[n + 2], stored, A[1], A[2], A[3], A[4])
  note_ids(ids, fresh, n, A[5])
  local base, before = base_of(K[n + 3], A[1])
  if s > 0 then call('MSET', unpack(set)) end
  for i = 1, #dead do call('SET', K[dead[i]], A[dead[i] + 5], 'EX', TOMBSTONE_SECONDS) end
  note_applied(K[n + 3], base, before, versions)
  return s / 2 + #dead
end

--[[
Records with all that follows from them. KEYS: n records, m indexes, the ids, the build, @applied, and the pending
reactions if there are any. ARGV: the build, newest, dated and time of the batch, n, m, '1' while the table is being filled, the ids
joined; then for each record the first 8 bytes of its old value, its new value, its id, a count and so many pairs of
letter and member: 'a' adds to the first index, 'A' removes from it, 'b' and 'B' the second, ... Answers the numbers of
the records that had changed meanwhile; the others are written.

While a table is filled, a record may be there that no clear found, and what was pending of it is gone: it is pending
again, as if there had been no record before, also where it is the same.
]]
local function apply(K, A)
  local call, sub = redis.call, string.sub
  local n, m, anew = whole(A[5], 1, BATCH), whole(A[6], 0, INDEXES), A[7] == '1'
  local ids, reactions = K[n + m + 1], K[n + m + 4]
  expect_keys(K, n + m + (reactions and 4 or 3))
  local stored = belongs(K[n + m + 2], A[1])
  if not stored then return redis.error_reply(REBUILT) end
  local old = call('MGET', unpack(K, 1, n))
  local add, remove, lists = {}, {}, {}
  for i = 1, m do
    add[i], remove[i] = {}, {}
    lists[string.char(96 + i)], lists[string.char(64 + i)] = add[i], remove[i]
  end
  local set, s, dead, lost, fresh, versions, at = {}, 0, {}, {}, {}, {}, 9
  for i = 1, n do
    local cur, from, new = old[i] or '', at + 4, A[at + 1]
    local to = from + 2 * whole(A[at + 3], 0, ENTRIES)
    if to > #A + 1 then error('arguments are missing') end
    if sub(cur, 1, 8) == A[at] then
      if #new > 8 then
        set[s + 1], set[s + 2] = K[i], new
        s = s + 2
      else
        dead[#dead + 1] = {K[i], new}
      end
      versions[#versions + 1] = struct.unpack('>L', new)
      if #cur < 8 then fresh[#fresh + 1] = K[i] end
      for j = from, to - 1, 2 do
        local list = lists[A[j]]
        list[#list + 1] = A[j + 1]
      end
      if reactions and (anew or cur ~= new) then call('HSETNX', reactions, A[at + 2], anew and '' or cur) end
    else
      lost[#lost + 1] = i
    end
    at = to
  end
  for i = 1, m do
    for from = 1, #remove[i], STEP do
      call('ZREM', K[n + i], unpack(remove[i], from, math.min(from + STEP - 1, #remove[i])))
    end
    for from = 1, #add[i], STEP do
      local members, p = {}, 0
      for j = from, math.min(from + STEP - 1, #add[i]) do
        members[p + 1], members[p + 2] = '0', add[i][j]
        p = p + 2
      end
      call('ZADD', K[n + i], unpack(members))
    end
  end
  note_newest(K[n + m + 2], stored, A[1], A[2], A[3], A[4])
  note_ids(ids, fresh, n, A[8])
  local base, before = base_of(K[n + m + 3], A[1])
  if s > 0 then call('MSET', unpack(set)) end
  for i = 1, #dead do call('SET', dead[i][1], dead[i][2], 'EX', TOMBSTONE_SECONDS) end
  note_applied(K[n + m + 3], base, before, versions)
  return lost
end

-- Events that were seen in this build, all of them older than what it has. KEYS: the build. ARGV: as of upsert, the first four.
local function note(K, A)
  expect_keys(K, 1)
  local stored = belongs(K[1], A[1])
  if not stored then return redis.error_reply(REBUILT) end
  note_newest(K[1], stored, A[1], A[2], A[3], A[4])
  return 1
end

--[[
Reactions are over: each to the change that was pending since the version `before`, and it saw a value. Only what it was
about is taken away: if `before` is another by now, somebody else handled it and what is pending is new. The record may
have expired meanwhile (a tombstone): as deleted as it was. KEYS: the pending reactions, another, n records. ARGV: for
each its id, `before`, the value it saw. Answers the ids, and numbers, of those that are over.
]]
local function take_pending(K, A)
  local call, sub = redis.call, string.sub
  local n = whole(#A / 3, 1, BATCH)
  expect_keys(K, n + 2)
  local all, ids, numbers, gone, changed = {}, {}, {}, {}, {}
  for i = 1, n do all[i] = A[3 * i - 2] end
  local pending, records = call('HMGET', K[1], unpack(all)), call('MGET', unpack(K, 3))
  for i = 1, n do
    local id, before, seen, cur = all[i], A[3 * i - 1], A[3 * i], records[i]
    if pending[i] and sub(pending[i], 1, 8) == before then
      ids[#ids + 1], numbers[#numbers + 1] = id, i
      if not cur or sub(cur, 1, 8) == sub(seen, 1, 8) then
        gone[#gone + 1] = id
      else
        changed[#changed + 1], changed[#changed + 2] = id, seen
      end
    end
  end
  if #gone > 0 then call('HDEL', K[1], unpack(gone)) end
  if #changed > 0 then call('HSET', K[1], unpack(changed)) end
  return ids, numbers
end

-- They have run, and so are not parked any more either. KEYS, ARGV: as above; the other key is that of the parked ones.
local function reacted(K, A)
  local ids = take_pending(K, A)
  if #ids > 0 then redis.call('HDEL', K[2], unpack(ids)) end
  return #ids
end

-- They will not run as things are: parked, with the version for which they would not. Nothing else is kept of the entity.
local function park(K, A)
  local ids, numbers = take_pending(K, A)
  for i = 1, #ids do redis.call('HSET', K[2], ids[i], string.sub(A[3 * numbers[i]], 1, 8)) end
  return #ids
end

-- Parked ones are to be tried again, as if there had been no record before. KEYS: the pending reactions. ARGV: ids.
local function retry(K, A)
  expect_keys(K, 1)
  for i = 1, whole(#A, 1, BATCH) do redis.call('HSETNX', K[1], A[i], '') end
  return #A
end

-- The build that the marker and the build's own key agree on; '' when there is none.
local function build_of(K)
  local build = redis.call('HGET', K[1], 'build')
  return build and build ~= '' and belongs(K[2], build) and build or ''
end

--[[
A build begins: from here on every step of another one is refused. KEYS: the marker, the build. ARGV: the build that must
be there ('' for none), the one that begins, shape, epoch and tally. Answers 1, or 0 when another has begun.
]]
local function begin(K, A)
  expect_keys(K, 2)
  if build_of(K) ~= A[1] then return 0 end
  if not string.match(A[2], '^%w+$') then error('the name of a build was expected') end
  redis.call('UNLINK', K[1])
  redis.call('HSET', K[1], 'build', A[2], 'shape', A[3], 'epoch', A[4], 'run_id', '', 'tally', A[5], 'position', '0')
  redis.call('SET', K[2], A[2] .. ' 0 0 0')
  return 1
end

--[[
KEYS: the marker, the build, and an owner's @applied. ARGV: build, shape, epoch, run id and `astray` that it must have; then
shape, epoch, run id and `astray` that it gets, the tally, and the position, which only grows.
]]
local function move(K, A)
  expect_keys(K, K[3] and 3 or 2)
  local m = redis.call('HMGET', K[1], 'shape', 'epoch', 'run_id', 'astray', 'position')
  if A[1] == '' or build_of(K) ~= A[1] or m[1] ~= A[2] or m[2] ~= A[3] or m[3] ~= A[4] or (m[4] or '0') ~= A[5] then
    return 0
  end
  local position = A[11]
  if m[5] and tonumber(m[5]) > whole(position, 0, 2 ^ 53) then position = m[5] end
  redis.call('HSET', K[1], 'shape', A[6], 'epoch', A[7], 'run_id', A[8], 'astray', A[9], 'tally', A[10])
  redis.call('HSET', K[1], 'position', position)
  if K[3] then move_base(K[3], A[1], tonumber(position)) end
  return 1
end

--[[
The generations of a table (generation.h): who keeps it in another shape does so beside, under keys of its own. A hash:

  <n>               "<shape> <indexes>" of generation n; "-<identity> <indexes>" while what it left is cleared away
  <n>:<instance>    a process that keeps it, with what that said last
  durable           whose the durable consumer is
  behind            "1" while that generation has not yet read what had been delivered when the consumer became its
]]
local GENERATIONS = 10
local LOOKS = 16 -- answers of HSCAN; a hash of so few fields comes in one

local function generations_of(key)
  local list, fields, cursor = {}, {}, '0'
  for _ = 1, LOOKS do
    local page = redis.call('HSCAN', key, cursor, 'COUNT', 1000)
    for i = 1, #page[2], 2 do
      list[#list + 1], list[#list + 2] = page[2][i], page[2][i + 1]
      fields[page[2][i]] = page[2][i + 1]
    end
    cursor = page[1]
    if cursor == '0' then break end
  end
  return fields, list
end

local function shape_of(generation)
  return generation and string.match(generation, '^(%S+)')
end

-- The generation of @shape; or, if that is wanted, @wanted or the first that is nobody's. What is known by its marker
-- alone may be in the middle of its build: then that says "!" and what of the shape there is room for (verdict.c).
local function place_of(fields, shape, wanted, allocate)
  local building = '!' .. string.sub(shape, 1, 31)
  for n = 0, GENERATIONS - 1 do
    local there = shape_of(fields[tostring(n)])
    if there == shape or there == building then return n end
  end
  if not allocate then return -1 end
  if not fields[tostring(wanted)] then return wanted end
  for n = 0, GENERATIONS - 1 do
    if not fields[tostring(n)] then return n end
  end
  return -1
end

--[[
A process says that it keeps the table in a shape. KEYS: the generations, the marker of generation 0. ARGV: the shape, the
indexes, the process, what it says, the generation that it would like, and "1" if it takes a new one. Answers the
generation, or -1, and then all that is known. Where nothing is, a table may lie that was made before there were
generations, or whose build was begun just after a Redis that was emptied.
]]
local function claim(K, A)
  expect_keys(K, 2)
  local call, wanted = redis.call, whole(A[5], 0, GENERATIONS - 1)
  if not string.match(A[1], '^%x+$') or not string.match(A[3], '^[%w_-]+$') then error('a shape was expected') end
  local fields = generations_of(K[1])
  if not next(fields) then
    local shape = call('HGET', K[2], 'shape')
    if shape and string.match(shape, '^!?%x+$') then
      fields['0'], fields.durable = shape, '0'
      call('HSET', K[1], '0', shape, 'durable', '0')
    end
  end
  local n = place_of(fields, A[1], wanted, A[6] == '1')
  if n < 0 then return {n, select(2, generations_of(K[1]))} end
  call('HSET', K[1], n, A[1] .. ' ' .. A[2], n .. ':' .. A[3], A[4])
  if not fields.durable then call('HSET', K[1], 'durable', n) end
  for other = 0, GENERATIONS - 1 do
    if other ~= n then call('HDEL', K[1], other .. ':' .. A[3]) end
  end
  return {n, select(2, generations_of(K[1]))}
end

-- A process ends. KEYS: the generations. ARGV: its own, and its name.
local function release(K, A)
  expect_keys(K, 1)
  return redis.call('HDEL', K[1], whole(A[1], 0, GENERATIONS - 1) .. ':' .. (A[2] or ''))
end

-- All that had been delivered is in it. KEYS: the generations. ARGV: the one whose the consumer is.
local function settle(K, A)
  expect_keys(K, 1)
  if redis.call('HGET', K[1], 'durable') ~= A[1] then return 0 end
  redis.call('HDEL', K[1], 'behind')
  return 1
end

-- The processes of generation @n are those in @A from @from on, name and last word, and no others.
local function are_those(fields, n, A, from)
  local known, count = {}, 0
  for i = from, #A - 1, 2 do known[A[i]] = A[i + 1] end
  for field, value in pairs(fields) do
    local instance = string.match(field, '^' .. n .. ':(.*)$')
    if instance and known[instance] ~= value then return false end
    if instance then count = count + 1 end
  end
  return count == math.floor((#A - from + 1) / 2)
end

--[[
A generation that nobody keeps any more ends: from here on every step in it is refused. KEYS: the generations, its
marker, its build. ARGV: which; an identity for clearing it away; the generation that gets the durable consumer, if that
is its ('' else); then its processes, all of them dead, with their last words. Answers 0 when any of that is not so.
]]
local function retire(K, A)
  expect_keys(K, 3)
  local call, n, heir = redis.call, whole(A[1], 0, GENERATIONS - 1), A[3]
  local fields = generations_of(K[1])
  local it = fields[tostring(n)]
  if not it or not string.match(A[2] or '', '^%w+$') or string.sub(it, 1, 1) == '-' then return 0 end
  local had_durable = fields.durable == tostring(n)
  if had_durable and (heir == '' or heir == tostring(n) or not fields[heir]) then return 0 end
  if not are_those(fields, n, A, 4) then return 0 end
  if had_durable then call('HSET', K[1], 'durable', heir, 'behind', '1') end
  for i = 4, #A - 1, 2 do call('HDEL', K[1], n .. ':' .. A[i]) end
  call('HSET', K[1], n, '-' .. A[2] .. (string.match(it, '( .*)$') or ''))
  call('UNLINK', K[2])
  call('SET', K[3], A[2] .. ' 0 0 0')
  return 1
end

-- It has been cleared away. KEYS: the generations, its build, its ids. ARGV: which, and the identity of the clearing.
local function vacate(K, A)
  expect_keys(K, 3)
  local n = whole(A[1], 0, GENERATIONS - 1)
  if shape_of(redis.call('HGET', K[1], n) or '') ~= '-' .. (A[2] or '') then return 0 end
  if belongs(K[2], A[2]) then redis.call('UNLINK', K[2], K[3]) end
  redis.call('HDEL', K[1], n)
  return 1
end

-- KEYS: leases. ARGV: who asks, for how many milliseconds; 0 gives them back. Answers the numbers of those that are held now.
local function lease(K, A)
  local n, held = whole(#K, 1, BATCH), {}
  local holders = redis.call('MGET', unpack(K))
  for i = 1, n do
    local free = not holders[i] or holders[i] == A[1]
    if free and A[2] == '0' then
      redis.call('UNLINK', K[i])
    elseif free then
      redis.call('SET', K[i], A[1], 'PX', A[2])
      held[#held + 1] = i
    end
  end
  return held
end

--[[
One step of clearing a table. KEYS: the build, the ids, then the records of the list's first elements. ARGV: the build,
then those elements. Answers 0, and does nothing, when the list begins with others by now.
]]
local function clear(K, A)
  local n = whole(#A - 1, 1, BATCH)
  if not belongs(K[1], A[1]) then return redis.error_reply(REBUILT) end
  local head = redis.call('LRANGE', K[2], 0, n - 1)
  for i = 1, n do
    if head[i] ~= A[i + 1] then return 0 end
  end
  if #K > 2 then redis.call('UNLINK', unpack(K, 3)) end
  redis.call('LTRIM', K[2], n, -1)
  return 1
end

-- What follows from the records of a table goes. KEYS: the build, then those keys. ARGV: the build.
local function drop_derived(K, A)
  if not belongs(K[1], A[1]) then return redis.error_reply(REBUILT) end
  redis.call('UNLINK', unpack(K, 2))
  return 1
end

--[[
Remembered values. Beside a value, at <prefix><key>, there are

  <prefix>@kept           all of them: a sorted set by the microsecond in which each expires
  <prefix>@bytes          how much of Redis they take, as @kept knows it; goes with the last of them
  <prefix>of:<subject>    those that tell something of an entity, by the second

A member of a list is the value's key without the prefix, the subjects it is listed under, and "=" with the bytes that
it counts for, with spaces between: so who finds it in one list finds it in all.
]]

-- What @members of @kept count for. Those of an earlier version of this library say nothing, and counted for nothing.
local function bytes_of(members)
  local bytes = 0
  for i = 1, #members do bytes = bytes + (tonumber(string.match(members[i], ' =(%d+)$')) or 0) end
  return bytes
end

-- @kept has lost @members, whose values are gone, too. Answers what is left in it, and for how much it counts.
local function note_lost(kept, total, members)
  local count = redis.call('ZCARD', kept)
  local bytes = math.max((tonumber(redis.call('GET', total) or '') or 0) - bytes_of(members), 0)
  if count == 0 or bytes == 0 then
    redis.call('UNLINK', total)
  else
    redis.call('SET', total, string.format('%.0f', bytes), 'KEEPTTL')
  end
  return count, bytes
end

--[[
Adds @member to @list and takes out some that have expired, which are answered. So the list is as long as what it lists,
and goes when the last of that has gone.
]]
local function list_until(list, member, now, expires, ttl)
  local gone = redis.call('ZRANGEBYSCORE', list, '-inf', now, 'LIMIT', 0, STEP)
  if #gone > 0 then redis.call('ZREM', list, unpack(gone)) end
  redis.call('ZADD', list, expires, member)
  redis.call('EXPIRE', list, ttl)
  return gone
end

-- Takes away remembered values by their members. Answers what note_lost does.
local function drop(kept, total, prefix, members)
  local call = redis.call
  for i = 1, #members do
    local key, subjects = string.match(members[i], '^(%S+)(.*)$')
    call('UNLINK', prefix .. (key or ''))
    local count = 0
    for subject in string.gmatch(subjects or '', '[^%s=]%S*') do
      call('ZREM', prefix .. 'of:' .. subject, members[i])
      count = count + 1
      if count == ENTITIES then break end
    end
  end
  call('ZREM', kept, unpack(members))
  return note_lost(kept, total, members)
end

-- The prefix of @kept, beside which @total must lie.
local function prefix_of(kept, total)
  local prefix = string.sub(kept, 1, -6)
  if kept ~= prefix .. '@kept' or total ~= prefix .. '@bytes' then error('a list and its bytes were expected') end
  return prefix
end

local function expect_after(key, prefix)
  if string.sub(key, 1, #prefix) ~= prefix then error('a key beside its list was expected') end
end

-- The oldest of @count members that count for @bytes, so many that no more are left than @most and @most_bytes.
local function surplus(kept, count, bytes, most, most_bytes)
  if count <= most and bytes <= most_bytes then return {} end
  local oldest, n = redis.call('ZRANGE', kept, 0, DROPPED - 1), 0
  while n < #oldest and (count - n > most or bytes > most_bytes) do
    n = n + 1
    bytes = bytes - bytes_of({oldest[n]})
  end
  for i = #oldest, n + 1, -1 do oldest[i] = nil end
  return oldest
end

--[[
What an idempotency key answered. KEYS: the value's, @kept, @bytes; then, for each entity that the value tells something
of, the record and the list of such values. ARGV: the value, its time to live in seconds, the time now in microseconds,
how many there may be and how many bytes. Nothing is kept when there is a value, or when one of the entities is a
tombstone: a record of 8 bytes. Past a bound the oldest go, out of all lists. Answers how many there are, and for how
many bytes they count.
]]
local function remember(K, A)
  local call, sub = redis.call, string.sub
  local ttl, now = whole(A[2], 1, 1e9), whole(A[3], 0, 1e16)
  local most, most_bytes = whole(A[4], 1, 1e9), whole(A[5], 1, 1e15)
  local lists, prefix = whole((#K - 3) / 2, 0, ENTITIES), prefix_of(K[2] or '', K[3])
  local seconds = math.floor(now / 1e6)
  expect_after(K[1], prefix)
  local function as_it_is() return {call('ZCARD', K[2]), tonumber(call('GET', K[3]) or '') or 0} end
  for i = 4, #K, 2 do
    local record = call('GET', K[i])
    if record and #record == 8 then return as_it_is() end
  end
  local member = sub(K[1], #prefix + 1)
  for i = 5, #K, 2 do
    expect_after(K[i], prefix .. 'of:')
    member = member .. ' ' .. sub(K[i], #prefix + 4)
  end
  local counts = #A[1] + BESIDE + #member + lists * (LISTED + #member)
  member = string.format('%s =%.0f', member, counts)
  if not call('SET', K[1], A[1], 'NX', 'EX', ttl) then return as_it_is() end
  for i = 5, #K, 2 do list_until(K[i], member, seconds, seconds + ttl, ttl) end
  local gone = list_until(K[2], member, now, now + ttl * 1e6, ttl)
  local count, bytes = note_lost(K[2], K[3], gone)
  bytes = bytes + counts
  call('SET', K[3], string.format('%.0f', bytes), 'EX', ttl)
  local oldest = surplus(K[2], count, bytes, most, most_bytes)
  if #oldest > 0 then count, bytes = drop(K[2], K[3], prefix, oldest) end
  return {count, bytes}
end

-- An entity is gone. KEYS: the list of what tells of it, @kept, @bytes. Answers how many values it took away: some, or 0.
local function forget(K, A)
  expect_keys(K, 3)
  local prefix = prefix_of(K[2], K[3])
  expect_after(K[1], prefix .. 'of:')
  local members = redis.call('ZRANGE', K[1], 0, DROPPED - 1)
  if #members == 0 then return 0 end
  drop(K[2], K[3], prefix, members)
  redis.call('ZREM', K[1], unpack(members))
  return #members
end

-- That Redis answers, knows this library, and lets us call it. It counts as one that writes: so a Redis that is full, or
-- that takes no writes for another reason, says so.
local function ping()
  return 1
end

redis.register_function('@FURROW_LIBRARY@_upsert', upsert)
redis.register_function('@FURROW_LIBRARY@_apply', apply)
redis.register_function('@FURROW_LIBRARY@_note', note)
redis.register_function('@FURROW_LIBRARY@_move', move)
redis.register_function('@FURROW_LIBRARY@_lease', lease)
redis.register_function('@FURROW_LIBRARY@_remember', remember)
redis.register_function('@FURROW_LIBRARY@_ping', ping)
redis.register_function('@FURROW_LIBRARY@_retry', retry)
-- What these do is how a full Redis gets room again.
redis.register_function{function_name = '@FURROW_LIBRARY@_reacted', callback = reacted, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_forget', callback = forget, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_park', callback = park, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_begin', callback = begin, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_clear', callback = clear, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_drop', callback = drop_derived, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_claim', callback = claim, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_release', callback = release, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_settle', callback = settle, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_retire', callback = retire, flags = {'allow-oom'}}
redis.register_function{function_name = '@FURROW_LIBRARY@_vacate', callback = vacate, flags = {'allow-oom'}}
