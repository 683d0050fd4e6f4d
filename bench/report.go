package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// report is what is written of a run. It begins before the run: how busy the
// machine was then belongs to it.
type report struct {
	*bench
	strings.Builder
	machine, loadBefore string
}

// column is one measure in a table.
type column struct {
	measure, title string
	format         func(float64) string
}

// section is a table with what it shows.
type section struct {
	title, text string
	columns     []column
}

func newReport(b *bench) (*report, error) {
	machine, err := machineLine()
	if err != nil {
		return nil, err
	}
	busy, err := load()
	return &report{bench: b, machine: machine, loadBefore: busy}, err
}

// write makes the report and its picture, or prints the report if path is "-".
func (r *report) write(path string) error {
	picture := strings.TrimSuffix(path, filepath.Ext(path)) + ".svg"
	if err := r.fill(filepath.Base(picture)); err != nil {
		return err
	}
	if path == "-" {
		_, err := os.Stdout.WriteString(r.String())
		return err
	}
	if err := os.WriteFile(path, []byte(r.String()), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if len(r.results.curves) == 0 {
		return nil
	}
	if err := os.WriteFile(picture, []byte(r.picture()), 0o644); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

// fill writes all that there is to tell.
func (r *report) fill(picture string) error {
	if err := r.head(); err != nil {
		return err
	}
	r.goals()
	for _, s := range r.form.sections() {
		r.section(s)
	}
	if len(r.results.curves) > 0 {
		r.curves(picture)
	}
	if err := r.micro(); err != nil {
		return err
	}
	r.foot()
	return nil
}

func (r *report) put(format string, args ...any) { fmt.Fprintf(&r.Builder, format+"\n", args...) }

func (r *report) head() error {
	after, err := load()
	if err != nil {
		return err
	}
	r.put("# Performance\n\nWritten by `make bench BENCH=%s` on %s. Do not edit.\n", r.form.name, today())
	r.put("%s. Mean number of runnable processes in the last minute: %s before the run, %s at its end.\n", r.machine, r.loadBefore, after)
	r.put("| contestant | version |\n|---|---|")
	for _, c := range r.contestants {
		if !c.variant {
			r.put("| %s | %s |", c.name, cmp.Or(debianVersion(c.pkg), c.version()))
		}
	}
	if v := debianVersion(alertmanagerPackage); v != "" {
		r.put("| %s, where the storm ends | %s |", alertmanagerPackage, v)
	}
	r.put("\nAll scrape the same generated target and evaluate the same generated rules, on loopback, each in processes of its own (VictoriaMetrics is two: it and vmalert). " +
		"What counts are the ratios: each is taken within one round, in which all meet the same noise. Below 1 is less than Prometheus. " +
		"A value is the median of the rounds, with the least and the most; alone it is of one round.\n")
	return nil
}

// goals is the table of what Tocsin wants to reach.
func (r *report) goals() {
	r.put("## Goals\n\nMedian of the rounds (least – most). A ratio is Tocsin's value divided by that of Prometheus in the same round; the benchmarks of a cycle "+
		"compare with rules.Manager of the library in one process, on the same samples, with identical results. Ordinary load is %d series and %d rules. "+
		"A goal is reached when the median is, against each Prometheus.\n", r.form.series, r.form.rules)
	r.put("| what | Tocsin | ÷ %s | ÷ %s | goal | reached |\n|---|---|---|---|---|---|", baseName, libraryName)
	for _, g := range goals() {
		of := r.subject(g)
		reached := r.results.reached(g, of)
		if spreadOf(r.results.values[g.measure][of]).n == 0 {
			reached = "not measured"
		}
		r.put("| %s | %s | %s | %s | %s | %s |", g.what, valueCell(r.results.values[g.measure][of], g.format),
			valueCell(r.results.ratios(g.measure, of, baseName), fraction), valueCell(r.results.ratios(g.measure, of, libraryName), fraction), g.text(), reached)
	}
	r.put("")
}

// section is a table of values and one of ratios.
func (r *report) section(s section) {
	columns := slices.DeleteFunc(s.columns, func(c column) bool { return r.results.empty(c.measure) })
	if len(columns) == 0 {
		return
	}
	r.put("## %s\n\n%s\n", s.title, s.text)
	r.table("", columns, func(col column, c contestant) string {
		return valueCell(r.results.values[col.measure][c.name], col.format)
	})
	r.table(fmt.Sprintf("÷ %s", baseName), columns, func(col column, c contestant) string {
		if c.name == baseName {
			return ""
		}
		return ratioCell(r.results.ratios(col.measure, c.name, baseName))
	})
}

// table has a row for each contestant with something to show.
func (r *report) table(corner string, columns []column, cell func(column, contestant) string) {
	line := "| " + corner
	for _, col := range columns {
		line += " | " + col.title
	}
	r.put("%s |\n|---|%s", line, strings.Repeat("---|", len(columns)))
	for _, c := range r.contestants {
		cells := []string{c.name}
		for _, col := range columns {
			cells = append(cells, cell(col, c))
		}
		if strings.Join(cells[1:], "") != "" {
			r.put("| %s |", strings.Join(cells, " | "))
		}
	}
	r.put("")
}

// micro is benchstat's summary of the benchmarks.
func (r *report) micro() error {
	if r.results.micro.Len() == 0 {
		return nil
	}
	text, err := r.results.benchstat()
	if err != nil {
		return err
	}
	r.put("## Benchmarks\n\n`go test -bench` over %d rounds, summed up by benchstat: CPU time of a whole evaluation cycle with garbage collection, Tocsin's and that of "+
		"Prometheus's rule groups (reference); what the window adds to the ingestion of a sample.\n\n```\n%s```\n", r.form.cycleRounds, text)
	return nil
}

// curves is the picture's numbers.
func (r *report) curves(picture string) {
	r.put("## Costs by size\n\n%s\n\n![CPU and memory over the number of series and of rules](%s)\n", r.form.curveText(), picture)
	for _, x := range axes {
		r.curve(x, r.results.curves[x])
	}
}

// curve is a table with a row for each contestant.
func (r *report) curve(x string, curve map[string][]point) {
	var sizes []int
	for _, points := range curve {
		for _, p := range points {
			sizes = append(sizes, p.size)
		}
	}
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	line := "| CPU a scrape, RSS"
	for _, n := range sizes {
		line += " | " + sizeTitle(x, n)
	}
	r.put("%s |\n|---|%s", line, strings.Repeat("---|", len(sizes)))
	for _, c := range r.contestants {
		cells := []string{c.name}
		for _, n := range sizes {
			i := slices.IndexFunc(curve[c.name], func(p point) bool { return p.size == n })
			if i < 0 {
				cells = append(cells, "–")
				continue
			}
			cells = append(cells, curve[c.name][i].String())
		}
		if len(curve[c.name]) > 0 {
			r.put("| %s |", strings.Join(cells, " | "))
		}
	}
	r.put("")
}

// sizeTitle is a size on an axis.
func sizeTitle(x string, n int) string {
	if x == byBoth {
		return fmt.Sprintf("%d series, %d rules", n, n/10)
	}
	return fmt.Sprintf("%d %s", n, x)
}

// String is a cell of the table.
func (p point) String() string {
	s := duration(p.cost.cpu) + ", " + size(p.cost.rss)
	if p.missed > 0 {
		s += fmt.Sprintf("; %s of the evaluations missed", percent(p.missed))
	}
	if p.slow {
		s += fmt.Sprintf("; cannot keep up: an evaluation takes %s", duration(seconds(p.took)))
	}
	return s
}

func (r *report) foot() {
	r.put("## Notes\n")
	for _, n := range append(r.form.notes(), r.results.notes...) {
		r.put("- %s", n)
	}
	if len(r.results.times) > 0 {
		r.put("- The parts took, in the order of their ends: %s.", strings.Join(r.results.times, ", "))
	}
}
