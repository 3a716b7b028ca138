-- 200 dealers below the one distributor, each with 50 customers, a server, and a feed for every customer; a year of monthly sums and
-- 30 nights of collections.

CREATE FUNCTION pg_temp.key(kind TEXT, number BIGINT) RETURNS UUID LANGUAGE sql IMMUTABLE AS
  $$ SELECT ('0190' || substr(md5(kind), 1, 4) || '-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid $$;

INSERT INTO account (id, parent_id, role, status, name, name_key, time_zone, created_at, updated_at, version)
SELECT pg_temp.key('partner', d), top.id, 'PARTNER', 'ACTIVE', 'Dealer ' || d, 'dealer ' || d, 'Europe/Berlin', 1700000000000, 1700000000000, 1
FROM generate_series(1, 200) AS d, (SELECT id FROM account WHERE role = 'DISTRIBUTOR') AS top;

INSERT INTO account (id, parent_id, role, status, name, name_key, time_zone, created_at, updated_at, version)
SELECT pg_temp.key('customer', d * 1000 + c), pg_temp.key('partner', d), 'CUSTOMER', 'ACTIVE', 'Customer ' || c, 'customer ' || c,
  'Europe/Berlin', 1700000000000, 1700000000000, 1
FROM generate_series(1, 200) AS d, generate_series(1, 50) AS c;

INSERT INTO account_closure (ancestor_id, descendant_id, depth)
SELECT id, id, 0 FROM account WHERE role <> 'DISTRIBUTOR'
UNION ALL SELECT parent_id, id, 1 FROM account WHERE parent_id IS NOT NULL
UNION ALL SELECT p.parent_id, c.id, 2 FROM account c JOIN account p ON p.id = c.parent_id WHERE c.role = 'CUSTOMER';

INSERT INTO account_sequence (account_id, health_number) SELECT id, 0 FROM account WHERE role <> 'DISTRIBUTOR';

INSERT INTO server (id, account_id, vendor, name, name_key, search_key, url, origin, time_zone, nightly_at, credentials_hint,
  credentials_updated_at, health_status, health_checked_at, health_changed_at, lease_fence, lease_until, created_at, updated_at, version)
SELECT pg_temp.key('server', d), pg_temp.key('partner', d), 'PRINTANISTA', 'Server ' || d, 'server ' || d, 'server ' || d,
  'https://d' || d || '.example', 'https://d' || d || '.example', 'Europe/Berlin', '03:30', '', 1700000000000, 'HEALTHY',
  1790000000000, 1700000000000, 0, 0, 1700000000000, 1700000000000, 1
FROM generate_series(1, 200) AS d;

INSERT INTO feed (id, server_id, account_id, external_id, vendor_name, name_key, search_key, activation_date, scope, live_key,
  health_status, health_checked_at, health_changed_at, backfilling, last_data_at, covered_through, device_count, created_at, updated_at, version)
SELECT pg_temp.key('feed', d * 1000 + c), pg_temp.key('server', d), pg_temp.key('customer', d * 1000 + c), 'C' || c,
  'Customer ' || c || ' GmbH', 'customer ' || c || ' gmbh', 'customer ' || c || ' gmbh', '2025-01-01', 'ALL', d || '/' || c,
  'HEALTHY', 1790000000000 + c, 1700000000000 + c, FALSE, 1790000000000 - c * 1000, '2026-10-31', 40 + c, 1700000000000, 1790000000000, 1
FROM generate_series(1, 200) AS d, generate_series(1, 50) AS c;

INSERT INTO account_month (account_id, month, small, large, duplex, standard, last_number, certified_small, certified_large,
  certified_duplex, certified_standard, certificates)
SELECT pg_temp.key('customer', d * 1000 + c), to_char(now() - make_interval(months => m), 'YYYY-MM'), 9000 + c * 7 + m, 300 + c, 2000 + m,
  (9000 + c * 7 + m + 2 * (300 + c) - (2000 + m)) ::BIGINT * 1000000, 30, CASE WHEN m = 0 THEN 0 ELSE 9000 + c * 7 + m END,
  CASE WHEN m = 0 THEN 0 ELSE 300 + c END, CASE WHEN m = 0 THEN 0 ELSE 2000 + m END,
  CASE WHEN m = 0 THEN 0 ELSE (9000 + c * 7 + m + 2 * (300 + c) - (2000 + m))::BIGINT * 1000000 END, CASE WHEN m = 0 THEN 0 ELSE 1 END
FROM generate_series(1, 200) AS d, generate_series(1, 50) AS c, generate_series(0, 14) AS m;

INSERT INTO sync_run (id, server_id, trigger_kind, status, due_at, requested_at, planned, cancel_requested, started_at, finished_at,
  crashes, progress_seq, feeds_total, feeds_done, feeds_failed, days_total, days_done, pages)
SELECT pg_temp.key('run', n * 1000 + d), pg_temp.key('server', d), 'NIGHTLY', 'SUCCEEDED', 1780000000000 + n * 86400000::BIGINT,
  1780000000000 + n * 86400000::BIGINT, TRUE, FALSE, 1780000000000 + n * 86400000::BIGINT, 1780000060000 + n * 86400000::BIGINT, 0, 52, 50, 50, 0, 50, 50, 15000
FROM generate_series(1, 200) AS d, generate_series(1, 30) AS n;

INSERT INTO collection (id, run_id, feed_id, position, status, from_day, to_day, earlier, saved_through, device_count, small, large,
  duplex, standard, attempts, started_at, finished_at)
SELECT pg_temp.key('collection', n * 1000000 + d * 1000 + c), pg_temp.key('run', n * 1000 + d), pg_temp.key('feed', d * 1000 + c), c, 'SUCCEEDED',
  '2026-10-' || lpad(n::TEXT, 2, '0'), '2026-10-' || lpad(n::TEXT, 2, '0'), FALSE, '2026-10-' || lpad(n::TEXT, 2, '0'), 40 + c, 280 + c, 10 + n,
  60 + n, (280 + c + 2 * (10 + n) - 60 - n)::BIGINT * 1000000, 1, 1780000000000 + n * 86400000::BIGINT + c, 1780000000000 + n * 86400000::BIGINT + c + 500
FROM generate_series(1, 200) AS d, generate_series(1, 50) AS c, generate_series(1, 30) AS n;
