package demo

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"koppel/pipelines"
)

// A coupling is a ready coupling that the demo runs.
type coupling struct {
	name string
	vars func(*Demo) map[string]string // the variables that it declares
}

// The couplings of the story, in its order.
var couplings = []coupling{
	{"afas-employees-to-directory", afasVars},
	{"afas-agenda-to-reception", afasVars},
	{"afas-courses-to-reception", afasVars},
	{"afas-attendance", func(d *Demo) map[string]string {
		vars := afasVars(d)
		vars["reception"] = "../afas-courses-to-reception/reception.db"
		return vars
	}},
	{"alleyoop-clients-to-sql", alleyOopVars},
	{"dossiers-to-alleyoop", alleyOopVars},
	{"microsoft365-to-directory", graphVars},
	{"microsoft365-meetings-to-visitors", func(d *Demo) map[string]string {
		vars, c := graphVars(d), d.Box.SMTP.Credentials
		vars["smtp_host"], vars["smtp_port"], vars["smtp_username"], vars["smtp_password"] = c.Host, c.Port, c.Username, c.Password
		vars["smtp_from"], vars["smtp_ca_file"] = c.From, c.CAFile
		return vars
	}},
}

func afasVars(d *Demo) map[string]string {
	return map[string]string{"afas_url": d.Box.URL("afas"), "afas_token": d.Box.AFAS.Token}
}

func alleyOopVars(d *Demo) map[string]string {
	c := d.Box.AlleyOop.Credentials
	return map[string]string{
		"alleyoop_url": d.Box.URL("alleyoop"), "alleyoop_username": c.Username, "alleyoop_password": c.Password, "alleyoop_api_key": c.APIKey,
	}
}

func graphVars(d *Demo) map[string]string {
	c, url := d.Box.Graph.Credentials, d.Box.URL("graph")
	return map[string]string{
		"graph_url": url, "graph_login_url": url, "graph_tenant": c.Tenant, "graph_client_id": c.ClientID, "graph_client_secret": c.ClientSecret,
	}
}

// write puts the couplings into the folder, each with the addresses and
// credentials of the systems, and makes the databases that stand at the targets
// beforehand.
func (d *Demo) write(ctx context.Context) error {
	for _, c := range couplings {
		if err := d.writeCoupling(ctx, c); err != nil {
			return fmt.Errorf("write the coupling %s: %w", c.name, err)
		}
	}
	// The token of a user who may see one row in ten, for the step in which an
	// administrator changes the rights.
	return writeVars(filepath.Join(d.Dir, "afas-employees-to-directory", "fewer-rights.vars.hcl"),
		map[string]string{"afas_token": d.Box.AFAS.LimitedToken})
}

func (d *Demo) writeCoupling(ctx context.Context, c coupling) error {
	dir := filepath.Join(d.Dir, c.name)
	err := fs.WalkDir(pipelines.Files, c.name, func(name string, e fs.DirEntry, err error) error {
		inner := strings.TrimPrefix(name, c.name)
		switch {
		case err != nil:
			return err
		case e.IsDir() && inner == "/testdata":
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(dir, filepath.FromSlash(inner)), 0o755)
		case inner != "/main.hcl" && path.Dir(inner) == "/", strings.HasPrefix(path.Ext(name), ".db"), path.Ext(name) == ".sql":
			return nil
		}
		text, err := pipelines.Files.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, filepath.FromSlash(inner)), text, 0o644)
	})
	if err != nil {
		return err
	}
	if err := d.before(ctx, c.name); err != nil {
		return err
	}
	return writeVars(filepath.Join(dir, "sandbox.auto.vars.hcl"), c.vars(d))
}

// before makes the databases that stand at the target before the first run.
func (d *Demo) before(ctx context.Context, name string) error {
	scripts, err := fs.Glob(pipelines.Files, name+"/testdata/before/*.sql")
	if err != nil {
		return err
	}
	for _, script := range scripts {
		text, err := pipelines.Files.ReadFile(script)
		if err != nil {
			return err
		}
		database := strings.TrimSuffix(path.Base(script), ".sql") + ".db"
		for statement := range strings.SplitSeq(string(text), ";\n") {
			if _, _, err := d.sqlite(ctx, path.Join(name, database), statement); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeVars writes a file of variables that only its owner reads.
func writeVars(path string, vars map[string]string) error {
	var text strings.Builder
	names, width := slices.Sorted(maps.Keys(vars)), 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		fmt.Fprintf(&text, "%-*s = %s\n", width, name, strconv.Quote(vars[name]))
	}
	return os.WriteFile(path, []byte(text.String()), 0o600)
}
