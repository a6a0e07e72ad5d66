insert into hours values (3, '2026-01-08', 6, '-- late');
update hours set hours = 8 where employee = 1 and day = '2026-01-06';
delete from hours where employee = 2 and day = '2026-01-07';
