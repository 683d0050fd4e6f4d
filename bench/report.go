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

// write makes the report and its picture.
func (r *report) write(path string) error {
	if err := r.addBinaries(); err != nil {
		return err
	}
	if err := r.head(); err != nil {
		return err
	}
	sections := r.form.sections()
	r.summary(sections)
	for _, s := range sections {
		r.section(s)
	}
	if len(r.results.curves) > 0 {
		picture := strings.TrimSuffix(path, filepath.Ext(path)) + ".svg"
		r.curves(filepath.Base(picture))
		if err := os.WriteFile(picture, []byte(r.picture()), 0o644); err != nil {
			return fmt.Errorf("write picture: %w", err)
		}
	}
	r.foot()
	if err := os.WriteFile(path, []byte(r.String()), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// addBinaries measures what is installed.
func (r *report) addBinaries() error {
	for _, c := range r.contestants {
		if c.memory {
			continue
		}
		var sum int64
		for _, p := range c.paths {
			n, err := strippedSize(p)
			if err != nil {
				return err
			}
			sum += n
		}
		r.results.add(measureBinary, c.name, float64(sum))
	}
	return nil
}

func (r *report) put(format string, args ...any) { fmt.Fprintf(&r.Builder, format+"\n", args...) }

func (r *report) head() error {
	after, err := load()
	if err != nil {
		return err
	}
	r.put("# Performance\n\nWritten by `make bench` on %s, %s form; `make bench BENCH=long` is the long one. Do not edit.\n", today(), r.form.name)
	r.put("%s. Mean number of runnable processes in the last minute: %s before the run, %s at its end.\n", r.machine, r.loadBefore, after)
	r.put("| contestant | version |\n|---|---|")
	for _, c := range r.contestants {
		if !c.memory {
			r.put("| %s | %s |", c.name, cmp.Or(debianVersion(c.pkg), c.version()))
		}
	}
	r.put("\nAll scrape the same generated target and evaluate the same generated rules, on loopback, each in processes of its own (VictoriaMetrics is two: it and vmalert). " +
		"What counts are the ratios: each is taken within one round, in which all meet the same noise. Below 1 is less than Prometheus. " +
		"A value is the median of the rounds, with the least and the most; alone it is of one round.\n")
	return nil
}

// summary is Tocsin's ratios alone.
func (r *report) summary(sections []section) {
	var bases []string
	for _, c := range r.contestants {
		if strings.HasPrefix(c.name, "prometheus") {
			bases = append(bases, c.name)
		}
	}
	r.put("## In short: Tocsin as a part of Prometheus\n\n| | %s |\n|---|%s", strings.Join(bases, " | "), strings.Repeat("---|", len(bases)))
	for _, s := range sections {
		for _, col := range s.columns {
			cells := []string{s.title + ": " + col.title}
			for _, base := range bases {
				cells = append(cells, ratioCell(r.results.ratios(col.measure, r.contestants[0].name, base)))
			}
			if cells[1] != "" {
				r.put("| %s |", strings.Join(cells, " | "))
			}
		}
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

// curves is the picture's numbers.
func (r *report) curves(picture string) {
	r.put("## Costs by size\n\n%s\n\n![CPU and memory over the number of series and of rules](%s)\n", r.form.curveText(), picture)
	for _, x := range []string{bySeries, byRules} {
		curve := r.results.curves[x]
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
			line += fmt.Sprintf(" | %d %s", n, x)
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
				p := curve[c.name][i]
				cells = append(cells, duration(p.cost.cpu)+", "+size(p.cost.rss))
			}
			if len(curve[c.name]) > 0 {
				r.put("| %s |", strings.Join(cells, " | "))
			}
		}
		r.put("")
	}
}

func (r *report) foot() {
	r.put("## Notes\n")
	for _, n := range append(r.form.notes(), r.results.notes...) {
		r.put("- %s", n)
	}
}
