package sql

import (
	"slices"
	"strings"
)

// The catalog views and functions of
// https://learn.microsoft.com/en-us/sql/relational-databases/system-catalog-views/extended-properties-catalog-views-sys-extended-properties
// and https://learn.microsoft.com/en-us/sql/t-sql/functions/has-perms-by-name-transact-sql
const (
	sqlserverList = `SELECT CASE WHEN s.name = N'dbo' THEN N'' ELSE s.name END, o.name, CASE WHEN o.type = 'V' THEN 1 ELSE 0 END,
	COALESCE(CAST(p.value AS nvarchar(4000)), N''), (SELECT COUNT(*) FROM sys.columns AS n WHERE n.object_id = o.object_id), c.name
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
LEFT JOIN sys.extended_properties AS p ON p.class = 1 AND p.major_id = o.object_id AND p.minor_id = 0 AND p.name = N'MS_Description'
LEFT JOIN sys.indexes AS i ON i.object_id = o.object_id AND i.is_primary_key = 1
LEFT JOIN sys.index_columns AS x ON x.object_id = i.object_id AND x.index_id = i.index_id AND x.key_ordinal > 0
LEFT JOIN sys.columns AS c ON c.object_id = x.object_id AND c.column_id = x.column_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), N'OBJECT', N'SELECT') = 1
ORDER BY 1, 2, x.key_ordinal`

	sqlserverComments = `SELECT COALESCE(c.name, N''), CAST(p.value AS nvarchar(4000))
FROM sys.extended_properties AS p
LEFT JOIN sys.columns AS c ON c.object_id = p.major_id AND c.column_id = p.minor_id AND p.minor_id > 0
WHERE p.class = 1 AND p.name = N'MS_Description' AND p.value IS NOT NULL AND p.major_id = ` + sqlserverObject
)

// List leaves out what the server itself made, and what the user may not read.
func (sqlserverDialect) List(c Conn) ([]Listed, error) {
	var l lister
	err := rows(c, sqlserverList, nil, l.add)
	return l.list, err
}

// Comments are the descriptions that Management Studio keeps.
func (d sqlserverDialect) Comments(c Conn, t *Table) (map[string]string, error) {
	comments := map[string]string{}
	err := rows(c, sqlserverComments, d.named(t.Name), func(s Stmt) {
		comments[string(s.Column(0).Text)] = string(s.Column(1).Text)
	})
	return comments, err
}

// Bytes is true for binary strings, row versions, and types of the common
// language runtime (shapes, hierarchyid), whose system type has no name.
func (sqlserverDialect) Bytes(c *Column) bool {
	return strings.Contains(c.Type, "binary") || slices.Contains([]string{"", "image", "timestamp"}, c.Type)
}
