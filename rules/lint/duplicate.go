package lint

import (
	"fmt"

	"github.com/tocsin/tocsin/rules"
)

// duplicates reports rules whose name and labels an earlier rule of the file
// has. As in promtool an alert and a recorded series of one name are the same.
func (p *pass) duplicates() {
	first := map[string]rules.Position{}
	for i := range p.file.Groups {
		p.group = &p.file.Groups[i]
		for j := range p.group.Rules {
			p.rule = &p.group.Rules[j]
			key := p.rule.Name() + "\xff" + p.rule.Labels.String()
			pos, again := first[key]
			if !again {
				first[key] = p.rule.Pos
				continue
			}
			p.report(DuplicateRules, "", 0,
				fmt.Sprintf("the rule in line %d has the same name and labels", pos.Line),
				"both write to the same series; remove one, or give them different labels")
		}
	}
}
