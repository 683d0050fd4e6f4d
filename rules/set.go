package rules

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Set is all that was found at one place: a file, a directory or a glob.
type Set struct {
	// Files are in the order of the patterns, and by path within each of them.
	Files []File
	// Problems are those that belong to no single file: a pattern that names
	// nothing, a directory that cannot be read.
	Problems []Problem
}

// Options are how rule files are read.
type Options struct {
	// IgnoreUnknownFields passes over the fields that the format does not have.
	// Prometheus and Tocsin refuse them when they run the rules.
	IgnoreUnknownFields bool
}

// Load reads the rule files that a pattern names with the default options.
func Load(pattern string) Set { return Options{}.Load(pattern) }

// Load reads the rule files that a pattern names. The pattern is a file, a
// directory (its *.yml, *.yaml and *.rules files, not those of directories in
// it), a glob as of path/filepath.Match, or several of these with commas
// between them. Hidden files are left out unless the pattern names them, and a
// file that is named twice is read once.
//
// Load always returns what it could read. The empty pattern, and a directory
// without rule files, are an empty Set.
func (o Options) Load(pattern string) Set {
	var set Set
	seen := map[string]bool{}
	for _, p := range splitPattern(pattern) {
		paths, problem := expand(p)
		if problem != nil {
			set.Problems = append(set.Problems, *problem)
		}
		for _, path := range paths {
			if !seen[path] {
				seen[path] = true
				set.Files = append(set.Files, o.ReadFile(path))
			}
		}
	}
	return set
}

// LoadFS reads the rule files at the top of fsys, which are those that ship
// inside of the binary. The paths of the files are their names with prefix
// before them, such as "bundled:docker.yml".
func LoadFS(fsys fs.FS, prefix string) Set {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return Set{Problems: []Problem{ioProblem(prefix, err)}}
	}
	var set Set
	for _, e := range entries {
		if e.IsDir() || !isRuleFile(e.Name()) {
			continue
		}
		content, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			set.Files = append(set.Files, badFile(prefix+e.Name(), ioProblem(prefix+e.Name(), err)))
			continue
		}
		set.Files = append(set.Files, Parse(prefix+e.Name(), content))
	}
	return set
}

// Groups lists the groups of all files that can run.
func (s Set) Groups() []Group {
	var groups []Group
	for _, f := range s.Files {
		groups = append(groups, f.Groups...)
	}
	return groups
}

// AllProblems lists what keeps rules from running, in the order of the files.
func (s Set) AllProblems() []Problem {
	problems := slices.Clone(s.Problems)
	for _, f := range s.Files {
		problems = append(problems, f.Problems...)
	}
	return problems
}

// AllWarnings lists what runs but is hardly meant, in the order of the files.
func (s Set) AllWarnings() []Problem {
	var warnings []Problem
	for _, f := range s.Files {
		warnings = append(warnings, f.Warnings...)
	}
	return warnings
}

// isRuleFile tells whether a name in a directory is that of a rule file.
// Editors and ConfigMap mounts keep hidden entries that are none.
func isRuleFile(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return !strings.HasPrefix(name, ".") && (ext == ".yml" || ext == ".yaml" || ext == ".rules")
}

// splitPattern splits at commas, unless a file has that very name.
func splitPattern(pattern string) []string {
	if _, err := os.Stat(pattern); err == nil {
		return []string{pattern}
	}
	var out []string
	for p := range strings.SplitSeq(pattern, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func splitAll(patterns []string) (out []string) {
	for _, p := range patterns {
		out = append(out, splitPattern(p)...)
	}
	return out
}
