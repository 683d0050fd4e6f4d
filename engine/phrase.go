package engine

import (
	"fmt"
	"strings"
	texttemplate "text/template"
	"text/template/parse"

	"github.com/prometheus/prometheus/promql"
)

// ruleTemplate is a template of a rule, made ready for its evaluations.
type ruleTemplate struct {
	bounded string
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

// piece is a part of a phrase: words, or the label of that name, or the value.
type piece struct {
	words, label string
	value        bool
}

func newTemplate(template string) *ruleTemplate {
	return &ruleTemplate{bounded: bounded(template), phrase: phraseOf(template)}
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
		if len(n.Pipe.Decl) > 0 || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 {
			return piece{}, false
		}
		v, ok := n.Pipe.Cmds[0].Args[0].(*parse.VariableNode)
		switch {
		case !ok:
		case len(v.Ident) == 1 && v.Ident[0] == "$value":
			return piece{value: true}, true
		case len(v.Ident) == 2 && v.Ident[0] == "$labels":
			return piece{label: v.Ident[1]}, true
		}
	}
	return piece{}, false
}

// say is the phrase for an element of a result, as text/template writes it.
func say(phrase []piece, s promql.Sample) string {
	var b strings.Builder
	for _, p := range phrase {
		switch {
		case p.value && s.H != nil:
			fmt.Fprint(&b, s.H)
		case p.value:
			fmt.Fprint(&b, s.F)
		case p.label != "":
			b.WriteString(s.Metric.Get(p.label))
		default:
			b.WriteString(p.words)
		}
	}
	return b.String()
}
