package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// expose FILE serves a recorded payload as a target's metrics, at $TARGET from now on.
func expose(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: expose FILE")
	}
	payload := ts.ReadFile(args[0])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		fmt.Fprint(w, payload)
	}))
	ts.Defer(server.Close)
	ts.Setenv("TARGET", server.URL+"/metrics")
}

// dashboard is what is checked of a Grafana dashboard.
type dashboard struct {
	Panels     []panel
	Templating struct {
		List []struct {
			Name, Type string
			Query      any // of a query variable its text, or an object that has it
		}
	}
}

type panel struct {
	Title      string
	Panels     []panel // of a row
	Datasource struct{ UID string }
	Targets    []struct{ Expr string }
}

// variable matches how a dashboard uses one.
var variable = regexp.MustCompile(`\$\{?(\w+)\}?`)

// panels DASHBOARD RULES writes the expressions of a dashboard as rules that record
// them, so that they can be checked like rules.
func panels(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: panels DASHBOARD RULES")
	}
	var d dashboard
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &d))
	known := map[string]string{"__rate_interval": "5m"}
	for _, v := range d.Templating.List {
		known[v.Name] = ".+"
	}
	var exprs []string
	var walk func(all []panel)
	walk = func(all []panel) {
		for _, p := range all {
			walk(p.Panels)
			for _, target := range p.Targets {
				if p.Datasource.UID != "${datasource}" {
					ts.Fatalf("the panel %q has the data source %q", p.Title, p.Datasource.UID)
				}
				exprs = append(exprs, fill(ts, known, target.Expr))
			}
		}
	}
	walk(d.Panels)
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		text, ok := v.Query.(string)
		selector := labelValues.FindStringSubmatch(text)
		if !ok || selector == nil {
			ts.Fatalf("the variable %s asks for %v, want label_values(selector, label)", v.Name, v.Query)
		}
		exprs = append(exprs, "count by ("+selector[2]+") ("+selector[1]+")")
	}
	if len(exprs) < 10 {
		ts.Fatalf("%s has %d expressions", args[0], len(exprs))
	}
	var b strings.Builder
	b.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, e := range exprs {
		text, err := json.Marshal(e) // which YAML reads as well
		ts.Check(err)
		fmt.Fprintf(&b, "  - record: panel:%d\n    expr: %s\n", i, text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o644))
}

var labelValues = regexp.MustCompile(`^label_values\((.+), *(\w+)\)$`)

// fill puts values in the place of a dashboard's variables.
func fill(ts *testscript.TestScript, known map[string]string, expr string) string {
	return variable.ReplaceAllStringFunc(expr, func(use string) string {
		name := variable.FindStringSubmatch(use)[1]
		if known[name] == "" {
			ts.Fatalf("%q uses $%s, which is no variable", expr, name)
		}
		return known[name]
	})
}
