#!lua name=bare
-- What the bare baselines do in Redis, as a service may: by FCALL. KEYS are records, and for a day its indexes; an argument of a record is
-- 8 bytes of version and its fields.
redis.register_function("bare_upsert_batch", function(keys, args)
  local old, set, n = redis.call("MGET", unpack(keys)), {}, 0
  for i, key in ipairs(keys) do
    local new = args[i]
    if not old[i] or string.sub(old[i], 1, 8) < string.sub(new, 1, 8) then
      set[n + 1] = key
      set[n + 2] = new
      n = n + 2
    end
  end
  if n > 0 then redis.call("MSET", unpack(set)) end
  return n / 2
end)
redis.register_function("bare_upsert_day", function(keys, args)
  local old = redis.call("GET", keys[1])
  if old and string.sub(old, 1, 8) >= string.sub(args[1], 1, 8) then return 0 end
  redis.call("SET", keys[1], args[1])
  for i = 2, #keys do redis.call("ZADD", keys[i], "0", args[i]) end
  return 1
end)
