package configfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sources are what a verdict was reached from, each as it was when it was read:
// what changes after that, be it while others are read, is a change.
type sources []source

type source struct {
	name string
	look func(name string) (saw string)
	saw  string
}

// content notes a file that was read.
func (s *sources) content(path string, content []byte, err error) {
	*s = append(*s, source{path, readAgain, digest(content, err)})
}

// matches notes which files a pattern matched.
func (s *sources) matches(pattern string, paths []string) {
	*s = append(*s, source{pattern, globAgain, strings.Join(paths, "\n")})
}

// presence notes a file that has to be there, whatever it says, and returns
// whether it is.
func (s *sources) presence(path string) error {
	info, err := os.Stat(path)
	*s = append(*s, source{path, statAgain, kindOf(info, err)})
	return err
}

// fingerprint is of all that was seen.
func (s sources) fingerprint() string {
	sum := sha256.New()
	for _, one := range s {
		fmt.Fprintf(sum, "%q %q\n", one.name, one.saw)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// changed tells whether any of them now shows something else.
func (s sources) changed() bool {
	for _, one := range s {
		if one.look(one.name) != one.saw {
			return true
		}
	}
	return false
}

func readAgain(path string) string { return digest(readBounded(path)) }

func globAgain(pattern string) string {
	paths, _ := filepath.Glob(pattern) // a bad pattern matches nothing, now as then
	return strings.Join(paths, "\n")
}

func statAgain(path string) string { return kindOf(os.Stat(path)) }

func digest(content []byte, err error) string {
	if err != nil {
		return cause(err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func kindOf(info os.FileInfo, err error) string {
	switch {
	case err != nil:
		return cause(err)
	case info.IsDir():
		return "a directory"
	}
	return "a file"
}
