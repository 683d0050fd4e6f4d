package lint

import (
	"slices"
	"text/template/parse"

	"github.com/prometheus/prometheus/model/labels"
)

// labels reports labels whose text depends on the value: they are the identity
// of an alert, and change with it.
func (p *pass) labels() {
	if p.rule.Alert == "" {
		return
	}
	p.rule.Labels.Range(func(l labels.Label) {
		use, offset := valueIn(l.Value)
		again := "the old alert resolves and a new one begins"
		if p.rule.For > 0 {
			again += `, and waits for its "for" again`
		}
		switch use {
		case printed:
			p.report(ValueInLabel, "labels."+l.Name, offset,
				"the value is part of this label, and a label is part of the alert's identity: with each new value "+again,
				"put it into an annotation")
		case decides:
			p.report(ValueInLabel, "labels."+l.Name, offset,
				"the value decides what this label is, and a label is part of the alert's identity: when it changes, "+again,
				"write one rule for each, with a threshold of its own")
		}
	})
}

// use is what a template does with the alert's value.
type use int

const (
	unused use = iota
	decides
	printed
)

// templateStart defines what Prometheus defines before a template. Its values do
// not matter here, its end does: what stands behind is the user's.
const templateStart = "{{$labels := 0}}{{$externalLabels := 0}}{{$externalURL := 0}}{{$value := 0}}"

// changing are the functions whose results differ from one evaluation to the next.
var changing = []string{"value", "now"}

// valueIn tells what a template does with the value, and where.
func valueIn(text string) (use, int) {
	tree := parse.New("")
	tree.Mode = parse.SkipFuncCheck
	tree, err := tree.Parse(templateStart+text, "", "", map[string]*parse.Tree{})
	if err != nil || tree.Root == nil {
		return unused, 0 // reported by the package rules
	}
	found, offset := unused, 0
	see := func(u use, at parse.Pos) {
		if at := int(at) - len(templateStart); at >= 0 && u > found {
			found, offset = u, at
		}
	}
	walk(tree.Root, printed, see)
	return found, offset
}

// walk calls see for each use of the value below n, which itself is used as u.
func walk(n parse.Node, u use, see func(use, parse.Pos)) {
	branch := func(b *parse.BranchNode, cond use) {
		walk(b.Pipe, cond, see)
		walk(b.List, u, see)
		if b.ElseList != nil {
			walk(b.ElseList, u, see)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			walk(child, u, see)
		}
	case *parse.ActionNode:
		walk(n.Pipe, u, see)
	case *parse.IfNode:
		branch(&n.BranchNode, decides)
	case *parse.WithNode:
		branch(&n.BranchNode, u)
	case *parse.RangeNode:
		branch(&n.BranchNode, u)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			walk(n.Pipe, u, see)
		}
	case *parse.PipeNode:
		for _, cmd := range n.Cmds {
			for _, arg := range cmd.Args {
				walk(arg, u, see)
			}
		}
	case *parse.VariableNode:
		if n.Ident[0] == "$value" {
			see(u, n.Pos)
		}
	case *parse.FieldNode:
		if n.Ident[0] == "Value" {
			see(u, n.Pos)
		}
	case *parse.IdentifierNode:
		if slices.Contains(changing, n.Ident) {
			see(u, n.Pos)
		}
	}
}
