-- session
SET LANGUAGE us_english; SET DATEFORMAT ymd; SET ANSI_WARNINGS ON; SET ANSI_PADDING ON; SET ANSI_NULLS ON; SET QUOTED_IDENTIFIER ON; SET CONCAT_NULL_YIELDS_NULL ON; SET ARITHABORT ON; SET XACT_ABORT OFF; SET NOCOUNT OFF; SET LOCK_TIMEOUT 30000

-- create table
CREATE TABLE [hr].[odd]].name] ([tenant] bigint NOT NULL, [id] nvarchar(225) COLLATE Latin1_General_100_BIN2 NOT NULL, [name] nvarchar(max) NULL, [born] date NULL, [seen] datetime2(7) NULL, [phones] nvarchar(max) NULL CHECK (ISJSON([phones]) = 1), [score] decimal(38,12) NULL, [active] bit NULL, PRIMARY KEY ([tenant], [id]))

-- add column
ALTER TABLE [hr].[odd]].name] ADD [extra] nvarchar(max) NULL CHECK (ISJSON([extra]) = 1)

-- upsert
DECLARE @koppel_n int, @koppel_e int; UPDATE [hr].[odd]].name] WITH (UPDLOCK, SERIALIZABLE) SET [name] = @p3, [born] = @p4 WHERE [tenant] = @p1 AND [id] = @p2; SELECT @koppel_e = @@ERROR, @koppel_n = @@ROWCOUNT; IF @koppel_e = 0 AND @koppel_n = 0 BEGIN INSERT INTO [hr].[odd]].name] ([tenant], [id], [name], [born]) VALUES (@p1, @p2, @p3, @p4); SELECT @koppel_n = @@ROWCOUNT; END; SELECT @koppel_n

-- upsert of keys alone, with an answer
DECLARE @koppel_n int, @koppel_e int; UPDATE [hr].[odd]].name] WITH (UPDLOCK, SERIALIZABLE) SET [tenant] = @p1 WHERE [tenant] = @p1 AND [id] = @p2; SELECT @koppel_e = @@ERROR, @koppel_n = @@ROWCOUNT; IF @koppel_e = 0 AND @koppel_n = 0 BEGIN INSERT INTO [hr].[odd]].name] ([tenant], [id]) VALUES (@p1, @p2); SELECT @koppel_n = @@ROWCOUNT; END; SELECT koppel_count.n, koppel_row.[seen] FROM (VALUES (@koppel_n)) AS koppel_count (n) LEFT JOIN [hr].[odd]].name] AS koppel_row ON koppel_row.[tenant] = @p1 AND koppel_row.[id] = @p2

-- update
DECLARE @koppel_n int, @koppel_e int; UPDATE [hr].[odd]].name] SET [name] = @p1, [id] = @p2 WHERE [tenant] = @p3 AND [id] = @p4; SELECT @koppel_n = @@ROWCOUNT; SELECT koppel_count.n, koppel_row.[seen] FROM (VALUES (@koppel_n)) AS koppel_count (n) LEFT JOIN [hr].[odd]].name] AS koppel_row ON koppel_row.[tenant] = @p3 AND koppel_row.[id] = @p2

-- delete
DELETE FROM [hr].[odd]].name] WHERE [tenant] = @p1 AND [id] = @p2

-- select
SELECT [id], [name] FROM [hr].[odd]].name] WHERE [tenant] = @p1 AND [id] = @p2

-- batch
SELECT CAST([w].[key] AS int) FROM OPENJSON(@p1) AS [w] CROSS JOIN [hr].[odd]].name] AS r WHERE r.[name] = JSON_VALUE([w].[value], '$[0]') COLLATE Latin1_General_CI_AS

-- query
SELECT a AS [x:y] FROM t WHERE a > @p1 AND b = @p2 AND a < @p1

-- describe table
SELECT o.type FROM sys.objects AS o WHERE o.object_id = OBJECT_ID(QUOTENAME(@p1) + N'.' + QUOTENAME(@p2)) AND o.type IN ('U', 'V')

-- describe columns
SELECT c.name, TYPE_NAME(c.system_type_id), CAST(c.scale AS int), CAST(c.is_nullable AS int),
	CASE WHEN c.is_computed = 1 OR c.is_identity = 1 OR c.generated_always_type <> 0 THEN 1 ELSE 0 END, COALESCE(c.collation_name, N''),
	COALESCE((SELECT MAX(k.definition) FROM sys.check_constraints AS k WHERE k.parent_object_id = c.object_id AND k.parent_column_id = c.column_id AND k.is_disabled = 0), N'')
FROM sys.columns AS c WHERE c.object_id = OBJECT_ID(QUOTENAME(@p1) + N'.' + QUOTENAME(@p2)) ORDER BY c.column_id

-- describe indexes
SELECT i.name, CAST(i.is_unique AS int), CAST(i.has_filter AS int), c.name, COALESCE(c.collation_name, N'')
FROM sys.indexes AS i
JOIN sys.index_columns AS x ON x.object_id = i.object_id AND x.index_id = i.index_id AND x.key_ordinal > 0
JOIN sys.columns AS c ON c.object_id = x.object_id AND c.column_id = x.column_id
WHERE i.object_id = OBJECT_ID(QUOTENAME(@p1) + N'.' + QUOTENAME(@p2)) AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.type IN (1, 2)
ORDER BY i.is_primary_key DESC, i.index_id, x.key_ordinal

-- referenced columns
SELECT DISTINCT c.name FROM sys.foreign_key_columns AS f
JOIN sys.columns AS c ON c.object_id = f.referenced_object_id AND c.column_id = f.referenced_column_id
WHERE f.referenced_object_id = OBJECT_ID(QUOTENAME(@p1) + N'.' + QUOTENAME(@p2))

-- columns of a query
SELECT name, system_type_name, error_message FROM sys.dm_exec_describe_first_result_set(@p1, NULL, 0)
WHERE is_hidden = 0 OR error_message IS NOT NULL ORDER BY column_ordinal

-- list tables
SELECT CASE WHEN s.name = N'dbo' THEN N'' ELSE s.name END, o.name, CASE WHEN o.type = 'V' THEN 1 ELSE 0 END,
	COALESCE(CAST(p.value AS nvarchar(4000)), N''), (SELECT COUNT(*) FROM sys.columns AS n WHERE n.object_id = o.object_id), c.name
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
LEFT JOIN sys.extended_properties AS p ON p.class = 1 AND p.major_id = o.object_id AND p.minor_id = 0 AND p.name = N'MS_Description'
LEFT JOIN sys.indexes AS i ON i.object_id = o.object_id AND i.is_primary_key = 1
LEFT JOIN sys.index_columns AS x ON x.object_id = i.object_id AND x.index_id = i.index_id AND x.key_ordinal > 0
LEFT JOIN sys.columns AS c ON c.object_id = x.object_id AND c.column_id = x.column_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), N'OBJECT', N'SELECT') = 1
ORDER BY 1, 2, x.key_ordinal

-- comments
SELECT COALESCE(c.name, N''), CAST(p.value AS nvarchar(4000))
FROM sys.extended_properties AS p
LEFT JOIN sys.columns AS c ON c.object_id = p.major_id AND c.column_id = p.minor_id AND p.minor_id > 0
WHERE p.class = 1 AND p.name = N'MS_Description' AND p.value IS NOT NULL AND p.major_id = OBJECT_ID(QUOTENAME(@p1) + N'.' + QUOTENAME(@p2))

-- begin to write
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; BEGIN TRANSACTION

-- savepoint
SAVE TRANSACTION koppel

-- back to the savepoint
ROLLBACK TRANSACTION koppel

-- what an error left of the transaction
SELECT CAST(XACT_STATE() AS int)

-- what an error left of the transaction
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION

-- commit
COMMIT TRANSACTION

-- begin to read
SELECT snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()

-- begin to read
SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION

