create table customers (id integer primary key, name text not null, email text not null);
create table orders (
  id integer primary key,
  customer_id integer not null references customers(id),
  status text not null,
  total_cents integer not null,
  deleted integer not null default 0,
  changed_at text not null
);
insert into customers values
  (1, 'Noor van Bedacht', 'Noor@example.org'),
  (2, 'Milan van der Testma', 'milan@example.org');
insert into orders (id, customer_id, status, total_cents, changed_at) values
  (101, 1, 'PAID', 2450, '2026-01-05T09:00:00Z'),
  (102, 2, 'OPEN', 1999, '2026-01-05T09:30:00Z'),
  (103, 1, 'OPEN', 500, '2026-01-05T10:00:00Z'),
  (104, 2, 'SENT', 12000, '2026-01-05T10:15:00Z');
