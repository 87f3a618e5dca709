//! The scripts of the board; each is one atomic step on one key.
//!
//! A holder is whoever knows the fence. It grows with each that takes the job, by Redis's clock, so that it grows past a flush too.

use std::sync::LazyLock;

use redis::Script;

/// Writes a job down unless it is: its JSON, for how long to remember it. Whether it was not.
pub(super) static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
         redis.call('HSET', KEYS[1], 'job', ARGV[1])
         redis.call('EXPIRE', KEYS[1], ARGV[2])
         return 1",
    )
});

/// Takes a job: the node, its lease in milliseconds. `gone`, `ended`, `held` by another, or the new fence and whether it is the first.
pub(super) static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local known = redis.call('HMGET', KEYS[1], 'job', 'ended', 'owner', 'lease', 'fence')
         if not known[1] then return {'gone'} end
         if known[2] then return {'ended'} end
         local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         if known[3] and known[3] ~= ARGV[1] and tonumber(known[4]) > now then return {'held'} end
         local fence = math.max(time[1] * 1000000 + time[2], tonumber(known[5] or '0') + 1)
         fence = string.format('%.0f', fence)
         local lease = string.format('%.0f', now + ARGV[2])
         redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'lease', lease, 'fence', fence)
         return {'taken', fence, known[5] and 'again' or 'first'}",
    )
});

/// Whether there is a job that has not ended and nobody holds.
pub(super) static IS_FREE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local known = redis.call('HMGET', KEYS[1], 'job', 'ended', 'lease')
         if not known[1] or known[2] then return 0 end
         local time = redis.call('TIME')
         return tonumber(known[3] or '0') <= time[1] * 1000 + math.floor(time[2] / 1000) and 1 or 0",
    )
});

/// Goes on holding a job: the fence, the lease, and fields to set. `gone`, `lost`, `cancelled` or `held`.
pub(super) static HOLD: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local known = redis.call('HMGET', KEYS[1], 'fence', 'ended', 'cancelled')
         if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
         if known[1] ~= ARGV[1] or known[2] then return 'lost' end
         local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         redis.call('HSET', KEYS[1], 'lease', string.format('%.0f', now + ARGV[2]), unpack(ARGV, 3))
         return known[3] and 'cancelled' or 'held'",
    )
});

/// Lets go of a job that is to be taken by another: the fence. Whether it was held.
pub(super) static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
         redis.call('HDEL', KEYS[1], 'owner', 'lease')
         return 1",
    )
});

/// Ends a job: the fence, its JSON without prompts, for how long to remember it. Whether it was held.
pub(super) static END: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
         redis.call('HSET', KEYS[1], 'job', ARGV[2], 'ended', '1')
         redis.call('HDEL', KEYS[1], 'owner', 'lease')
         redis.call('EXPIRE', KEYS[1], ARGV[3])
         return 1",
    )
});

/// Writes an ended job down unless it is: its JSON, for how long to remember it. Whether it was not.
pub(super) static REMEMBER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
         redis.call('HSET', KEYS[1], 'job', ARGV[1], 'ended', '1')
         redis.call('EXPIRE', KEYS[1], ARGV[2])
         return 1",
    )
});

/// Wants a job to end. Whether there is one.
pub(super) static CANCEL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
         if redis.call('HEXISTS', KEYS[1], 'ended') == 0 then redis.call('HSET', KEYS[1], 'cancelled', '1') end
         return 1",
    )
});

/// Removes a key that still has this value.
pub(in crate::redis) static FORGET: LazyLock<Script> =
    LazyLock::new(|| Script::new("if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"));
