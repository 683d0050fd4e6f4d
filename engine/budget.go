package engine

import (
	"errors"
	"fmt"
	"strings"
	"text/template/parse"
)

// templateBudget bounds what one expansion of a template may write: its loops are
// charged with the length of their bodies before each turn. No annotation that a
// person reads comes near.
const templateBudget = 4 << 20

// What a turn of a loop and a call of a template cost beside their text: they
// take time, and an error deep down in calls that call themselves takes the square
// of their depth.
const (
	turnCost = 64
	callCost = 4 << 10
)

var errBudget = errors.New("the template loops too often: it may write 4 MiB at most")

// chargeFunc is the function that bounded templates call. Nobody writes that name
// by chance.
const chargeFunc = "__tocsin_charge"

// bounded puts a charge before each turn of each loop of a template, and at the
// head of each template that it defines, so that none can run for ever or fill the memory.
// A text without either, or one that does not parse, comes back as it is.
func bounded(text string) string {
	if !strings.Contains(text, "{{") || !strings.Contains(text, "range") && !strings.Contains(text, "template") && !strings.Contains(text, "block") {
		return text
	}
	t := parse.New("t")
	t.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := t.Parse(variables+text, "", "", trees); err != nil {
		return text
	}
	var b strings.Builder
	for name, tree := range trees {
		if name != "t" {
			charge(tree.Root, callCost)
			fmt.Fprintf(&b, "{{define %q}}%s{{end}}", name, tree.Root)
		}
	}
	charge(t.Root, 0)
	b.WriteString(strings.TrimPrefix(t.Root.String(), variables))
	return b.String()
}

// charge adds a charge at the head of list, of cost and its length, unless cost is
// 0, and to the bodies of all loops in it.
func charge(list *parse.ListNode, cost int) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.RangeNode:
			charge(n.List, turnCost)
			charge(n.ElseList, 0)
		case *parse.IfNode:
			charge(n.List, 0)
			charge(n.ElseList, 0)
		case *parse.WithNode:
			charge(n.List, 0)
			charge(n.ElseList, 0)
		}
	}
	if cost > 0 {
		call := fmt.Sprintf("{{%s %d}}", chargeFunc, len(list.String())+cost)
		list.Nodes = append([]parse.Node{&parse.TextNode{NodeType: parse.NodeText, Text: []byte(call)}}, list.Nodes...)
	}
}

// meter is the budget of one expansion.
type meter struct{ left int }

func (m *meter) charge(n int) (string, error) {
	if m.left -= n; m.left < 0 {
		return "", errBudget
	}
	return "", nil
}
