create table employees (id integer primary key, name text not null, team text);
create table hours (employee integer not null references employees(id), day text not null, hours real not null, note text);
insert into employees values (1, 'Saar van der Voorbeeld', 'North'), (2, 'Bram Proefman', 'South'), (3, 'Noor van Bedacht', null);
insert into hours values (1, '2026-01-05', 8, null), (1, '2026-01-06', 7.5, '=SUM(A1:A9)'), (2, '2026-01-05', 4.25, 'half day'), (2, '2026-01-07', 8, null);
