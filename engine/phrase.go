package engine

import (
	"fmt"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"

	"github.com/prometheus/prometheus/promql"
)

// ruleTemplate is a template of a rule, made ready for its evaluations.
type ruleTemplate struct {
	bounded string
	// plain: it has no action, as most labels, and says what is written.
	plain bool
	// phrase is the same, for what most templates are: words, labels and the value.
	// nil where it is more than that.
	phrase []piece
	// compiled is the same, parsed, if it can be: most rules never have an alert, so
	// it is made for the first. Owned by the rule's group.
	compiled *texttemplate.Template
	tried    bool
}

// ready is the parsed template; nil where the library's expander is to be asked.
func (t *ruleTemplate) ready() *texttemplate.Template {
	if !t.tried {
		t.tried, t.compiled = true, compile(t.bounded)
	}
	return t.compiled
}

// piece is a part of a phrase: words, or the label of that name, or the value, as it
// is or as a function writes it.
type piece struct {
	words, label string
	value        bool
	write        func(any) (string, error)
}

func newTemplate(template string) *ruleTemplate {
	text := bounded(template)
	return &ruleTemplate{bounded: text, plain: !strings.Contains(text, "{{"), phrase: phraseOf(template)}
}

// phraseOf takes a template apart; nil if there is more in it than words, labels
// and the value.
func phraseOf(template string) []piece {
	if !strings.Contains(template, "{{") {
		return nil // it is not expanded at all
	}
	t := parse.New("t")
	t.Mode = parse.SkipFuncCheck
	if _, err := t.Parse(variables+template, "", "", map[string]*parse.Tree{}); err != nil {
		return nil
	}
	var phrase []piece
	for i, n := range t.Root.Nodes {
		if i < strings.Count(variables, "{{") {
			continue // what variables declares
		}
		p, ok := pieceOf(n)
		if !ok {
			return nil
		}
		phrase = append(phrase, p)
	}
	return phrase
}

func pieceOf(n parse.Node) (piece, bool) {
	switch n := n.(type) {
	case *parse.TextNode:
		return piece{words: string(n.Text)}, true
	case *parse.ActionNode:
		args := argsOf(n.Pipe)
		if len(args) == 0 {
			return piece{}, false
		}
		v, ok := args[len(args)-1].(*parse.VariableNode)
		switch {
		case !ok:
		case len(v.Ident) == 1 && v.Ident[0] == "$value":
			return valuePiece(args[:len(args)-1])
		case len(v.Ident) == 2 && v.Ident[0] == "$labels" && len(args) == 1:
			return piece{label: v.Ident[1]}, true
		}
	}
	return piece{}, false
}

// argsOf gives a call as it is written without a pipe; nil for what is more than one.
func argsOf(pipe *parse.PipeNode) []parse.Node {
	switch {
	case len(pipe.Decl) > 0:
	case len(pipe.Cmds) == 1:
		return pipe.Cmds[0].Args
	case len(pipe.Cmds) == 2 && len(pipe.Cmds[0].Args) == 1:
		return append(slices.Clone(pipe.Cmds[1].Args), pipe.Cmds[0].Args[0])
	}
	return nil
}

// valuePiece is the value as a call writes it that has it as its last argument.
func valuePiece(call []parse.Node) (piece, bool) {
	p := piece{value: true}
	if len(call) == 0 {
		return p, true
	}
	f, ok := call[0].(*parse.IdentifierNode)
	if !ok {
		return piece{}, false
	}
	switch {
	case len(call) == 1:
		p.write, _ = functions[f.Ident].(func(any) (string, error))
	case len(call) == 2 && f.Ident == "printf":
		if format, ok := call[1].(*parse.StringNode); ok {
			p.write = func(v any) (string, error) { return fmt.Sprintf(format.Text, v), nil }
		}
	}
	return p, p.write != nil
}

// say is the phrase for an element of a result, as text/template writes it. It is
// false where a function refuses the value: its error is for the library to tell.
func say(phrase []piece, s promql.Sample) (string, bool) {
	var b strings.Builder
	for _, p := range phrase {
		switch {
		case p.value && s.H != nil:
			if p.write != nil {
				return "", false
			}
			fmt.Fprint(&b, s.H)
		case p.write != nil:
			text, err := p.write(s.F)
			if err != nil {
				return "", false
			}
			b.WriteString(text)
		case p.value:
			fmt.Fprint(&b, s.F)
		case p.label != "":
			b.WriteString(s.Metric.Get(p.label))
		default:
			b.WriteString(p.words)
		}
	}
	return b.String(), true
}
