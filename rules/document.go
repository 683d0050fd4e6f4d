package rules

import (
	"github.com/prometheus/prometheus/promql/parser"
)

// Document is a file of the user's in another format than that of rule files,
// such as unit tests. Its reader says which fields there are, and the Document
// reads them as rule files are read: within limits, strictly, and with all
// problems at their places.
type Document struct {
	c    *checker
	tree Mapping
}

// Form says what a mapping in a Document may hold.
type Form struct {
	// Name is what the mapping is called in messages, such as "test".
	Name   string
	Fields []string
	// Hint explains a field that is not one of Fields; empty if it does not look
	// familiar. May be nil.
	Hint func(field string) string
	// Shape tells somebody who wrote no mapping at all how to write one.
	Shape string
}

func (f Form) level() level {
	l := level{f.Name, f.Fields, f.Hint}
	if l.hint == nil {
		l.hint = func(string) string { return "" }
	}
	return l
}

// ReadDocument reads the file at path; what goes wrong is the Document's problem.
func ReadDocument(path string, form Form) *Document {
	content, err := readContent(path)
	if err != nil {
		d := newDocument(path, nil)
		d.c.add(ioProblem(path, err))
		return d
	}
	return ParseDocument(path, content, form)
}

// ParseDocument reads content, whose top is a mapping of that form; path only
// names it.
func ParseDocument(path string, content []byte, form Form) (d *Document) {
	d = newDocument(path, content)
	defer func() { // as in Parse
		if r := recover(); r != nil {
			d.c.add(internalError(path, r))
		}
	}()
	if doc, rest := d.c.tree(content); doc != nil {
		d.tree = d.mapping(doc.Content[0], "", form)
		d.c.secondDocument(rest)
	}
	return d
}

func newDocument(path string, content []byte) *Document {
	d := &Document{c: newChecker(Options{}, path, content)}
	d.tree.d = d
	return d
}

// Top is the mapping at the top, empty for a document that holds none.
func (d *Document) Top() Mapping { return d.tree }

// InTest attributes what is found from here on to the unit test of that name.
func (d *Document) InTest(name string) { d.c.at = place{test: name} }

// Report adds a problem of the reader's own.
func (d *Document) Report(pos Position, field, msg, hint string) { d.c.report(pos, field, msg, hint) }

// Warn adds a warning of the reader's own.
func (d *Document) Warn(pos Position, field, msg, hint string) {
	d.c.warn(LintIgnored, pos, field, msg, hint)
}

// Count is how many problems were found until now.
func (d *Document) Count() int { return d.c.found }

// Problems lists what is wrong, in reading order.
func (d *Document) Problems() []Problem { return d.c.listed() }

// Warnings lists what is hardly meant, in reading order.
func (d *Document) Warnings() []Problem {
	SortProblems(d.c.warnings)
	return d.c.warnings
}

// Apart runs f and returns the problems that it finds; they do not count as the
// document's.
func (d *Document) Apart(f func()) []Problem {
	problems, found := d.c.problems, d.c.found
	d.c.problems, d.c.found = nil, 0
	defer func() { d.c.problems, d.c.found = problems, found }()
	f()
	return d.c.listed()
}

// Expr parses a text as PromQL; it is nil when it has reported what is wrong.
func (d *Document) Expr(t Text) parser.Expr {
	if t.Value == "" {
		t.Report(0, "is missing or empty", "write a PromQL expression")
		return nil
	}
	return d.c.parseExpr(field{name: t.name, value: t.node}, t.Value)
}
