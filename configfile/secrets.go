package configfile

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tocsin/tocsin/rules"
)

// secretFields hold what nobody but the target may see; the last ones do so when
// somebody writes a text where there should be fields.
var secretFields = []string{
	"password", "credentials", "bearer_token", "client_secret", "key", "client_certificate_key",
	"basic_auth", "authorization", "oauth2",
}

var (
	secretList = regexp.MustCompile(`\.(?:http_headers|proxy_connect_header)\.[^.]+(?:\.secrets)?\[\d+\]$|\.(?:http_headers|headers)\.[^.]+$`)
	userinfo   = regexp.MustCompile(`://[^/\s"]*@`)
	anchor     = regexp.MustCompile(`unknown anchor '.*' referenced`)
)

const secret = "<secret>"

// redact takes out of problems what the reader quotes of secrets, and puts in again
// what was hidden from it.
func (t *tree) redact(problems []rules.Problem) {
	var secrets []string
	t.each(func(p place) {
		if p.value.Kind != yaml.ScalarNode || p.value.Value == "" {
			return
		}
		name := p.path[strings.LastIndex(p.path, ".")+1:]
		if slices.Contains(secretFields, name) || secretList.MatchString(p.path) {
			secrets = append(secrets, quotings(p.value.Value)...)
		}
	})
	for i := range problems {
		p := &problems[i]
		for _, s := range secrets {
			p.Msg = strings.ReplaceAll(p.Msg, s, secret)
		}
		p.Msg = strings.ReplaceAll(p.Msg, hiddenSlash, slash)
		p.Msg = userinfo.ReplaceAllString(p.Msg, "://"+secret+"@")
	}
}

// quotings are the ways in which readers quote a value; they cut long ones short.
func quotings(value string) []string {
	const short, long = 4, 10
	out := []string{strconv.Quote(value), "`" + value + "`"}
	if len(value) > short { // else words that only look like it would go
		out = append(out, value)
	}
	if len(value) > long {
		out = append(out, value[:long-3]+"...")
	}
	return out
}
