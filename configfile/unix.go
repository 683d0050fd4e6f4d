package configfile

import (
	"regexp"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"go.yaml.in/yaml/v3"
)

// A target unix:///path/of/socket is refused by Prometheus's reader for its
// slashes. They are hidden from it behind a character of Unicode's private use:
// one for one, so that every place stays where it is.
const (
	unixTarget  = "unix:///"
	slash       = "/"
	hiddenSlash = "\ue02f"
)

var staticTarget = regexp.MustCompile(`^scrape_configs\[\d+\]\.static_configs\[\d+\]\.targets\[\d+\]$`)

// hideSockets hides the sockets among the targets. What an alias stands for
// elsewhere is left alone: it may be no target there.
func (t *tree) hideSockets() {
	if strings.Contains(strings.Join(t.lines, "\n"), hiddenSlash) {
		return // nobody could tell it from ours
	}
	aliased := t.aliased()
	t.each(func(e place) {
		n := e.value
		if n.Kind != yaml.ScalarNode || aliased[n] || !staticTarget.MatchString(e.path) ||
			!strings.HasPrefix(n.Value, unixTarget) || n.Value == unixTarget || n.Line > len(t.lines) {
			return
		}
		line := []rune(t.lines[n.Line-1])
		if n.Column > len(line) {
			return
		}
		head, rest := string(line[:n.Column-1]), string(line[n.Column-1:])
		if rest[0] == '"' || rest[0] == '\'' {
			head, rest = head+rest[:1], rest[1:]
		}
		if tail, ok := strings.CutPrefix(rest, n.Value); ok {
			t.lines[n.Line-1] = head + strings.ReplaceAll(n.Value, slash, hiddenSlash) + tail
		}
	})
}

// aliased are all nodes that an alias stands for.
func (t *tree) aliased() map[*yaml.Node]bool {
	out := map[*yaml.Node]bool{}
	var mark func(n *yaml.Node)
	mark = func(n *yaml.Node) {
		if n == nil || out[n] {
			return
		}
		out[n] = true
		for _, c := range n.Content {
			mark(c)
		}
	}
	var find func(n *yaml.Node)
	find = func(n *yaml.Node) {
		if n == nil {
			return
		}
		mark(n.Alias)
		for _, c := range n.Content {
			find(c)
		}
	}
	find(t.root)
	return out
}

// restoreSockets is the inverse of hideSockets, in what the reader made of it.
func restoreSockets(scrapes []*config.ScrapeConfig) {
	hidden := strings.ReplaceAll(unixTarget, slash, hiddenSlash)
	for _, s := range scrapes {
		for _, c := range s.ServiceDiscoveryConfigs {
			static, _ := c.(discovery.StaticConfig)
			for _, group := range static {
				for _, target := range group.Targets {
					if address := string(target[model.AddressLabel]); strings.HasPrefix(address, hidden) {
						target[model.AddressLabel] = model.LabelValue(strings.ReplaceAll(address, hiddenSlash, slash))
					}
				}
			}
		}
	}
}
