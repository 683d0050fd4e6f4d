package web

import (
	"net/url"
	"regexp"
	"strings"
)

// userinfo is what stands before the last @ of a URL's authority.
var userinfo = regexp.MustCompile(`://[^/?#\s"]*@`)

// query is what stands behind the question mark of a URL.
var query = regexp.MustCompile(`(://[^\s"?#]*\?)[^\s"#,]+`)

// redact hides the passwords of all URLs in a text: settings, targets and error
// texts carry them, and the page is not the place to read them. A user without a
// password is one too, and so may a parameter be: that is how tokens are passed.
func redact(s string) string {
	return userinfo.ReplaceAllStringFunc(query.ReplaceAllString(s, "${1}xxxxx"), func(m string) string {
		user, _, hasPassword := strings.Cut(strings.TrimPrefix(m[:len(m)-1], "://"), ":")
		if !hasPassword {
			return "://xxxxx@"
		}
		return "://" + user + ":xxxxx@"
	})
}

// webLink is s if it is an address that a reader may be sent to, and empty
// otherwise: annotations come from rule files and, by templates, from targets.
func webLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return s
}
