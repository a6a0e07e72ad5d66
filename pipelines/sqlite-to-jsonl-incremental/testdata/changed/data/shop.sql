update orders set status = 'PAID', changed_at = '2026-01-06T08:00:00Z' where id = 102;
update orders set deleted = 1, changed_at = '2026-01-06T08:05:00Z' where id = 103;
insert into orders (id, customer_id, status, total_cents, changed_at) values
  (105, 1, 'OPEN', 799, '2026-01-06T08:10:00Z');
