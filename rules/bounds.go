package rules

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Limits that no rule file written by people or their generators comes near.
// They are there because this process watches a host with little memory, and
// must outlive whatever is put into its rules directory.
const (
	// maxFileSize bounds the tree: a byte of YAML can cost a hundred of memory.
	maxFileSize = 4 << 20
	// maxText bounds the bytes of one expression or template: their parsers
	// recurse, which Go cannot recover from when it goes too deep, and PromQL's
	// takes quadratic time.
	maxText = 64 << 10
	// maxNested bounds the brackets within brackets of an expression, for the same
	// reasons.
	maxNested = 1000
	// maxKeys bounds the entries of a mapping: the YAML decoder compares each
	// key with each other.
	maxKeys = 1000
	// maxAliased bounds what aliases add, in values and eights of bytes of text: a
	// few lines of aliases to aliases stand for billions of values.
	maxAliased = 500_000
	// maxProblems bounds what is listed of each file, for nobody reads on.
	maxProblems = 1000
)

// checkSize is false, with the problem, for a file that is too large.
func checkSize(path string, size int64) (Problem, bool) {
	if size <= maxFileSize {
		return Problem{}, true
	}
	return Problem{
		File: path,
		Msg:  fmt.Sprintf("is larger than %d MiB, the limit for one file", maxFileSize>>20),
		Hint: "split it into several files",
	}, false
}

// nested is how deep the brackets of an expression go. It reads those in quotes
// too, which is near enough.
func nested(expr string) int {
	depth, deepest := 0, 0
	for i := range len(expr) {
		switch expr[i] {
		case '(', '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', ']', '}':
			depth = max(0, depth-1)
		}
	}
	return deepest
}

// bounds measures a tree with its aliases expanded, without expanding them.
type bounds struct {
	sizes   map[*yaml.Node]int // of anchored nodes that are complete
	aliased int
}

// checkBounds reports a tree that it would be unwise to walk.
func (c *checker) checkBounds(doc *yaml.Node) bool {
	b := bounds{sizes: map[*yaml.Node]int{}}
	_, bad := b.size(doc)
	if bad != nil {
		bad.File = c.path
		c.add(*bad)
		return false
	}
	return true
}

// size is the weight of n and all below it. YAML puts an anchor before
// its aliases, so the size of what an alias stands for is known, or else the
// alias stands inside of its own anchor.
func (b *bounds) size(n *yaml.Node) (int, *Problem) {
	if n.Kind == yaml.AliasNode {
		size, ok := b.sizes[n.Alias]
		if !ok {
			return 0, &Problem{Pos: position(n), Msg: fmt.Sprintf("the anchor %q contains itself", n.Value)}
		}
		if b.aliased += size; b.aliased > maxAliased {
			return 0, &Problem{
				Pos:  position(n),
				Msg:  "the aliases up to here stand for more than one file may hold",
				Hint: "write out what they stand for, or use fewer aliases to aliases",
			}
		}
		return size, nil
	}
	if n.Kind == yaml.MappingNode && len(n.Content)/2 > maxKeys {
		return 0, &Problem{
			Pos: position(n),
			Msg: fmt.Sprintf("a mapping has more than %d entries", maxKeys),
		}
	}
	size := 1 + len(n.Value)/8
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && isNullKey(n.Content[i-1]) {
			continue // the decoder passes over it too
		}
		s, bad := b.size(child)
		if bad != nil {
			return 0, bad
		}
		size = min(size+s, maxAliased+maxFileSize)
	}
	if n.Anchor != "" {
		b.sizes[n] = size
	}
	return size, nil
}

// isNullKey tells whether a key is null. It looks at no alias: the tree's
// aliases are not known to end yet.
func isNullKey(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.ShortTag() == "!!null"
}
