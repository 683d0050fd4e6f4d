package replay

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hostile is a report over labels that want to be markup, and over one of
// everything else.
func hostile(t *testing.T) *Report {
	t.Helper()
	h := recorded(t, `up{job="docker",instance="h"} 1x19 _x20 1x40`,
		`x{job="docker",path="</text><script>alert(1)</script>&\"'\n\u001b[31m]]>"} 0x3 2 7 3 0x60`,
		`x{n="1"} 0x50 1x40`, `x{n="2"} 0x60 0.5 1e21 NaN 1x40`, `y{n="1"} 1x80`, `y{n="2"} 0x44 1 0x40`)
	o := options(t, h, `
groups:
  - name: "a <group> & more"
    rules:
      - {alert: "Hot & <b>bold</b>", expr: x > 0, for: 15s, labels: {severity: critical}}
      - {alert: Low, expr: x < 0.7 and x > 0, labels: {severity: warn}}
      - {alert: Twice, expr: y > 0, labels: {n: same}}
      - {record: sum, expr: sum(x)}
`, 0, 20*time.Minute)
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Alerts) < 5 || len(r.Gaps) != 1 || len(r.Failures) != 1 {
		t.Fatalf("%d alerts, gaps %v, failures %v", len(r.Alerts), r.Gaps, r.Failures)
	}
	return r
}

func TestOutput(t *testing.T) {
	r := hostile(t)
	for file, write := range map[string]func(io.Writer) error{
		"testdata/report.txt": r.WriteTable, "testdata/report.json": r.WriteJSON, "testdata/report.svg": r.WriteSVG,
	} {
		var b strings.Builder
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s (-want +got), -update writes it anew:\n%s", file, diff)
		}
		if strings.ContainsAny(b.String(), "\x1b\r\a") {
			t.Errorf("%s has control characters", file)
		}
	}
}

// TestSVGIsXML without scripts, whatever the labels are.
func TestSVGIsXML(t *testing.T) {
	empty := *hostile(t)
	empty.Alerts, empty.Gaps = nil, nil
	many := empty
	for a := hostile(t).Alerts[0]; len(many.Alerts) < maxSVGRows+7; {
		a.File += "f" // so that each is another
		many.Alerts = append(many.Alerts, a)
	}
	for name, r := range map[string]*Report{"hostile": hostile(t), "empty": &empty, "many": &many} {
		var b strings.Builder
		if err := r.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}
		if name == "many" && !strings.Contains(b.String(), "7 alerts more are not shown") {
			t.Error("the rows that are left out are not mentioned")
		}
		dec := xml.NewDecoder(strings.NewReader(b.String()))
		elements := 0
		for {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			el, ok := tok.(xml.StartElement)
			if !ok {
				continue
			}
			elements++
			if el.Name.Local == "script" || el.Name.Local == "b" {
				t.Errorf("%s: an element <%s>", name, el.Name.Local)
			}
			for _, a := range el.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || strings.Contains(a.Value, "NaN") {
					t.Errorf("%s: attribute %s=%q", name, a.Name.Local, a.Value)
				}
			}
		}
		if elements < 10 {
			t.Errorf("%s: only %d elements", name, elements)
		}
	}
}
