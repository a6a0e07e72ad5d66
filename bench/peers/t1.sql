-- The first task for DuckDB: the types are given, as nothing need be guessed.
COPY (
  SELECT
    id,
    CAST(employeeNumber AS VARCHAR) AS "employeeId",
    lower(mail) AS "email",
    concat_ws(' ', givenName, prefix, surname) AS "fullName",
    strftime(startDate, '%d-%m-%Y') AS "startDate",
    lower(manager.mail) AS "managerEmail",
    address.city AS "city",
    array_to_string(categories, ',') AS "categories",
    coalesce(mobilePhone, '') AS "phone",
    CASE WHEN fte >= 1 THEN 'full-time' ELSE 'part-time' END AS "contract",
    department,
    jobTitle AS "jobTitle"
  FROM read_json('input.jsonl', format = 'newline_delimited', columns = {
    id: 'VARCHAR', employeeNumber: 'BIGINT', mail: 'VARCHAR',
    givenName: 'VARCHAR', prefix: 'VARCHAR', surname: 'VARCHAR',
    startDate: 'DATE', manager: 'STRUCT(mail VARCHAR)', address: 'STRUCT(city VARCHAR)',
    categories: 'VARCHAR[]', mobilePhone: 'VARCHAR', fte: 'DOUBLE',
    department: 'VARCHAR', jobTitle: 'VARCHAR', active: 'BOOLEAN', blocked: 'BOOLEAN'
  })
  WHERE active AND NOT blocked
) TO 'out.jsonl' (FORMAT json);
