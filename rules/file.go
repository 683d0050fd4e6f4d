package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
	"go.yaml.in/yaml/v3"
)

// File is one rule file after reading.
type File struct {
	Path string
	// Groups holds the groups that can run, with their valid rules only.
	Groups []Group
	// Problems is empty if and only if Prometheus would accept the file (the
	// limits of this package apart).
	Problems []Problem
	// Warnings lists what Prometheus accepts but what hardly does what its
	// author meant. They keep nothing from running.
	Warnings []Problem

	source *source // nil for what could not be read
	marks  marks
}

// Parse reads a rule file's content with the default options.
func Parse(path string, content []byte) File { return Options{}.Parse(path, content) }

// Parse reads a rule file's content; path only names it. It touches nothing
// outside, never fails as a whole, and reports everything that it finds.
func (o Options) Parse(path string, content []byte) (file File) {
	// A plugin that dies of its rule file is started again with the same file,
	// and dies again. The YAML and PromQL parsers are not ours to trust that far.
	defer func() {
		if r := recover(); r != nil {
			file = File{Path: path, Problems: []Problem{internalError(path, r)}}
		}
	}()
	return o.parse(path, content)
}

func internalError(path string, panicked any) Problem {
	return Problem{
		File: path,
		Msg:  fmt.Sprintf("internal error while reading this file: %v", panicked),
		Hint: "please report this file as a bug",
	}
}

func (o Options) parse(path string, content []byte) File {
	file := File{Path: path}
	c := newChecker(o, path, content)
	if doc, rest := c.tree(content); doc != nil {
		file.source, file.marks = c.source, c.marks
		file.Groups = c.file(doc)
		c.secondDocument(rest)
		if c.found == 0 && !c.decodes(doc) {
			file.Groups = nil
		}
	}
	SortProblems(c.warnings)
	file.Problems, file.Warnings = c.listed(), c.warnings
	return file
}

// tree reads content as YAML, and hands over the decoder for what follows the
// first document. It is nil where nothing stands, and for what nobody should
// walk, which is reported.
func (c *checker) tree(content []byte) (*yaml.Node, *yaml.Decoder) {
	if p, ok := checkSize(c.path, int64(len(content))); !ok {
		c.add(p)
		return nil, nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var doc yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, nil // empty, or nothing but comments
	}
	if err != nil {
		c.add(SyntaxProblem(c.path, content, err))
		return nil, nil
	}
	if !c.checkBounds(&doc) {
		return nil, nil
	}
	return &doc, dec
}

// file reads the top level of a file.
func (c *checker) file(doc *yaml.Node) []Group {
	top := c.mapping(doc.Content[0], "", `a rule file begins with "groups:"`)
	if top == nil {
		return nil
	}
	fields := c.known(top, fileLevel)
	f, ok := find(fields, "groups")
	if !ok {
		return nil
	}
	var groups []Group
	seen := map[string]Position{}
	for _, n := range c.list(f) {
		if g, ok := c.group(n, seen); ok {
			groups = append(groups, g)
		}
	}
	c.at = place{}
	return groups
}

// secondDocument warns about everything behind a `---`: neither Prometheus nor
// this package reads it, and rules that never run are the last thing one finds.
func (c *checker) secondDocument(dec *yaml.Decoder) {
	var second yaml.Node
	err := dec.Decode(&second)
	if errors.Is(err, io.EOF) {
		return
	}
	pos := Position{}
	if err == nil {
		if len(second.Content) == 0 || isNull(second.Content[0]) {
			return
		}
		pos = position(second.Content[0])
	}
	c.warn(LintIgnored, pos, "", "only the first YAML document of a file is read; what follows \"---\" is ignored",
		"put all into one document, or into files of their own")
}

// decodes asks the YAML decoder for the last word on a file in which the walk
// found nothing wrong: it refuses oddities, such as a key that is an alias to a
// key that is there already, that are not worth a message of their own.
func (c *checker) decodes(doc *yaml.Node) bool {
	var groups rulefmt.RuleGroups
	err := doc.Decode(&groups)
	if err == nil {
		return true
	}
	msgs := []string{err.Error()}
	if typeErr := (*yaml.TypeError)(nil); errors.As(err, &typeErr) {
		msgs = typeErr.Errors
	}
	for _, msg := range msgs {
		line, text := cutLine(msg)
		c.report(Position{Line: line}, "", text, "")
	}
	return false
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// cutLine takes the decoder's own prefixes off a message and returns the line
// that they named, or zero.
func cutLine(msg string) (line int, text string) {
	text = strings.TrimPrefix(msg, "yaml: ")
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // the pattern admits digits only
		text = text[len(m[0]):]
	}
	return line, text
}
