package afas

import (
	"net/http"
	"slices"
	"strings"

	"koppel/internal/sandbox/dataset"
)

type listing struct {
	ID          string `json:"id"`
	Description string `json:"description"`
}

// metainfo lists the connectors of the app connector.
func (s *System) metainfo(c *call) {
	getters, updaters := []listing{}, []listing{}
	s.mu.Lock()
	for _, g := range s.getters {
		if !g.unlisted {
			getters = append(getters, listing{g.id, g.description})
		}
	}
	s.mu.Unlock()
	for _, o := range s.objects {
		if !o.unlisted {
			updaters = append(updaters, listing{o.id, o.description})
		}
	}
	byID := func(a, b listing) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(getters, byID)
	slices.SortFunc(updaters, byID)
	c.JSON(http.StatusOK, map[string]any{
		"updateConnectors": updaters, "getConnectors": getters, "customConnectors": []listing{{"AppConnectorSubject", "AppConnectorSubject"}},
		"info": map[string]string{
			"envid": "T" + s.Environment + "AB", "appName": "Sandbox", "group": "Sandbox (" + s.Environment + ".KOPPELING)", "tokenExpiry": "0",
		},
	})
}

// A getField describes a column of a GetConnector. The numbers of controlType
// are examples: their meaning is documented for 23 only, a remark.
type getField struct {
	ID              string `json:"id"`
	FieldID         string `json:"fieldId"`
	DataType        string `json:"dataType"`
	Label           string `json:"label"`
	Length          int    `json:"length"`
	ControlType     int    `json:"controlType"`
	Decimals        int    `json:"decimals"`
	DecimalsFieldID string `json:"decimalsFieldId"`
}

func (s *System) metainfoGet(c *call) {
	g := s.getter(c.Request.PathValue("connector"))
	if g == nil || g.unlisted {
		s.notListed(c, "GetConnector")
		return
	}
	fields := []getField{}
	for i, col := range g.columns {
		from := s.column(g, col)
		name, length, control := typeOf(from)
		fields = append(fields, getField{
			ID: col.id, FieldID: "U" + pad(i+1), DataType: name, Label: from.Label, Length: length, ControlType: control, Decimals: from.Decimals,
		})
	}
	c.JSON(http.StatusOK, map[string]any{"name": g.id, "description": g.description, "fields": fields})
}

// An updateField describes a field of an UpdateConnector.
type updateField struct {
	FieldID        string  `json:"fieldId"`
	PrimaryKey     bool    `json:"primaryKey"`
	DataType       string  `json:"dataType"`
	Label          string  `json:"label"`
	Mandatory      bool    `json:"mandatory"`
	Length         int     `json:"length"`
	Decimals       int     `json:"decimals"`
	DecimalFieldID string  `json:"decimalFieldId"`
	NotZero        bool    `json:"notzero"`
	ControlType    int     `json:"controlType"`
	Values         []value `json:"values"`
}

type value struct {
	ID          string `json:"id"`
	Description string `json:"description"`
}

type updateInfo struct {
	ID          string        `json:"id,omitempty"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Fields      []updateField `json:"fields"`
	Objects     []updateInfo  `json:"objects"`
}

func (s *System) metainfoUpdate(c *call) {
	o := s.objects[c.Request.PathValue("connector")]
	if o == nil || o.unlisted {
		s.notListed(c, "UpdateConnector")
		return
	}
	info := s.describe(o)
	info.ID = o.id
	c.JSON(http.StatusOK, info)
}

func (s *System) describe(o *object) updateInfo {
	info := updateInfo{Name: o.root, Description: o.description, Fields: []updateField{}, Objects: []updateInfo{}}
	for _, f := range o.fields {
		col := s.objectColumn(o, f)
		name, length, control := typeOf(col)
		info.Fields = append(info.Fields, updateField{
			FieldID: f.id, PrimaryKey: f.primary, DataType: name, Label: col.Label, Mandatory: f.mandatory, Length: length,
			Decimals: col.Decimals, NotZero: f.primary && col.Type == dataset.Int, ControlType: control, Values: f.values,
		})
	}
	for _, sub := range o.subs {
		info.Objects = append(info.Objects, s.describe(sub))
	}
	return info
}

// typeOf gives the data type, length and control type of a column.
func typeOf(c dataset.Column) (name string, length, control int) {
	switch c.Type {
	case dataset.Int:
		return "int", 10, 5
	case dataset.Number:
		return "decimal", 26, 1
	case dataset.Bool:
		return "boolean", 1, 3
	case dataset.Time:
		return "date", 0, 4
	}
	if c.Length == 0 {
		return "blob", 0, 23
	}
	return "string", c.Length, 5
}

func pad(n int) string {
	text := "00" + dataset.Text(int64(n))
	return text[len(text)-3:]
}

func (s *System) version(c *call) {
	text := "7.7.10"
	if s.o.Version < 7 {
		text = "6.6.9"
	}
	c.JSON(http.StatusOK, map[string]string{"version": text})
}

// file gives an attachment; a missing one and one without rights look the same.
func (s *System) file(c *call) {
	for _, row := range s.Data.Rows("attachments") {
		subject, name := c.Request.PathValue("subject"), c.Request.PathValue("name")
		if row["FileId"] == c.Request.PathValue("id") && (subject == "" || subject == dataset.Text(row["SbId"])) &&
			(name == "" || name == row["FileName"]) {
			c.JSON(http.StatusOK, map[string]any{"filename": row["FileName"], "mimetype": "text/plain", "filedata": row["FileStream"]})
			return
		}
	}
	c.empty(http.StatusNotFound)
}
