-- Hands out the next chunk of waiting images, by policy: `queues` in their order; within one, the account that
-- had least of late by the weight of its plan; within an account, in order; what was tried before, alone.
--
-- Start-time fair queueing (Goyal, Vin, Cheng 1996): an account's share remembers where its last chunk began and
-- ended in virtual time; the one that ended earliest is next, and who was away begins where the others are now.
-- The share is moved by the claim itself, so callers meet only where they take from the same account.
--
-- `waits`: '' for pixels, or what the images wait for; `most` images and `most_pixels` in a chunk, by queue; a
-- chunk is at most one of `parts` parts of what waits, so that all processes end together. Changed here? Add a
-- migration that runs this file again.
CREATE OR REPLACE FUNCTION processing_claim(
    asked_waits text, asked_queues int[], most int[], most_pixels bigint[], parts int[], lease_for interval, attempts int)
RETURNS TABLE (image processing_image, recipe jsonb, canvas jsonb, kind text, request_id text, twin jsonb, more boolean)
LANGUAGE plpgsql AS $$
DECLARE
    place int;
    class int;
    now_virtual float8;
    account record;
    room int;
    waiting record;
    number bigint;
    got record;
BEGIN
    -- A claim lost in a crash of the database is an image free again: nothing to wait for the disk for.
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR place IN 1 .. array_length(asked_queues, 1) LOOP
        class := asked_queues[place];
        CONTINUE WHEN EXISTS (SELECT FROM processing_queuestate s WHERE s.queue = class AND s.paused_at IS NOT NULL);
        SELECT coalesce(max(s.start), 0) INTO now_virtual FROM processing_share s WHERE s.queue = class;
        FOR account IN
            WITH RECURSIVE owners AS (
                (SELECT i.owner_id FROM processing_image i
                 WHERE i.status = 'pending' AND i.waits = asked_waits AND i.queue = class
                 ORDER BY i.owner_id LIMIT 1)
                UNION ALL
                SELECT (SELECT i.owner_id FROM processing_image i
                        WHERE i.status = 'pending' AND i.waits = asked_waits AND i.queue = class
                          AND i.owner_id > owners.owner_id
                        ORDER BY i.owner_id LIMIT 1)
                FROM owners WHERE owners.owner_id IS NOT NULL
            )
            SELECT o.owner_id, p.weight, p.max_in_hand, greatest(coalesce(s.finish, 0), now_virtual) AS tag,
                   count(*) OVER () AS accounts
            FROM owners o
            JOIN processing_user u ON u.id = o.owner_id
            JOIN processing_plan p ON p.id = u.plan_id
            LEFT JOIN processing_share s ON s.owner_id = o.owner_id AND s.queue = class
            WHERE u.paused_at IS NULL
            ORDER BY tag, s.finish NULLS FIRST, o.owner_id
        LOOP
            room := most[place];
            IF account.max_in_hand IS NOT NULL THEN
                INSERT INTO processing_share (owner_id, queue, start, finish)
                VALUES (account.owner_id, class, now_virtual, now_virtual) ON CONFLICT DO NOTHING;
                PERFORM FROM processing_share s WHERE s.owner_id = account.owner_id AND s.queue = class FOR UPDATE;
                SELECT least(room, account.max_in_hand - count(*)) INTO room FROM processing_image i
                WHERE i.owner_id = account.owner_id AND i.status = 'processing';
                CONTINUE WHEN room <= 0;
            END IF;
            SELECT count(*) AS images, bool_or(c.alone) FILTER (WHERE c.n = 1) AS alone,
                   count(*) FILTER (WHERE c.n = 1 OR NOT (c.alone OR c.first_alone) AND c.pixels <= most_pixels[place])
                       AS fitting
            INTO waiting FROM (
                SELECT f.alone, row_number() OVER w AS n, first_value(f.alone) OVER w AS first_alone,
                       sum(f.pixels) FILTER (WHERE NOT f.alone) OVER w AS pixels
                FROM (
                    SELECT i.id, i.alone, i.width::bigint * i.height AS pixels FROM processing_image i
                    WHERE i.status = 'pending' AND i.waits = asked_waits AND i.queue = class
                      AND i.owner_id = account.owner_id AND i.attempt < attempts
                      AND (i.lease_until IS NULL OR i.lease_until <= now())
                    ORDER BY i.id LIMIT most[place] * parts[place] + 1
                ) f WINDOW w AS (ORDER BY f.id)
            ) c;
            CONTINUE WHEN waiting.images = 0;
            room := least(room, waiting.fitting, ceil(waiting.images::float8 / parts[place]));
            number := nextval('processing_lease');
            WITH free AS (
                SELECT i.id FROM processing_image i
                WHERE i.status = 'pending' AND i.waits = asked_waits AND i.queue = class
                  AND i.owner_id = account.owner_id AND i.attempt < attempts AND i.alone = waiting.alone
                  AND (i.lease_until IS NULL OR i.lease_until <= now())
                ORDER BY i.id LIMIT room FOR UPDATE SKIP LOCKED
            ), claimed AS (
                UPDATE processing_image i
                SET status = CASE WHEN asked_waits = '' THEN 'processing' ELSE i.status END,
                    attempt = i.attempt + (asked_waits <> '')::int, lease = number, lease_until = now() + lease_for
                FROM free WHERE i.id = free.id
                RETURNING i.id, i.job_id, i.width::bigint * i.height AS pixels
            )
            SELECT array_agg(c.id) AS ids, array_agg(DISTINCT c.job_id) AS jobs, count(*) AS images,
                   sum(250000 + c.pixels) / account.weight AS cost
            INTO got FROM claimed c;
            CONTINUE WHEN got.images = 0;
            INSERT INTO processing_share AS s (owner_id, queue, start, finish)
            VALUES (account.owner_id, class, account.tag, account.tag + got.cost)
            ON CONFLICT (owner_id, queue) DO UPDATE
            SET start = greatest(s.finish, now_virtual), finish = greatest(s.finish, now_virtual) + got.cost;
            UPDATE processing_job j SET status = 'processing', updated_at = now()
            WHERE j.id = ANY(got.jobs) AND j.status = 'pending';
            RETURN QUERY
                SELECT i, j.recipe, j.canvas, j.kind::text, j.request_id::text,
                       CASE WHEN f.id IS NOT NULL THEN jsonb_build_object(
                           'colors', f.colors, 'placeholder', f.placeholder, 'phash', f.phash,
                           'renditions', f.renditions, 'losses', f.losses) END,
                       waiting.images > got.images OR account.accounts > 1
                FROM processing_image i JOIN processing_job j ON j.id = i.job_id
                LEFT JOIN processing_image f ON f.id = i.duplicate_of_id AND f.status = 'completed'
                WHERE i.id = ANY(got.ids) ORDER BY i.id;
            RETURN;
        END LOOP;
    END LOOP;
END
$$;
