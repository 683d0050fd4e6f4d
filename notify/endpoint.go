package notify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// redacted stands where a password was; the same word as net/url uses.
const redacted = "xxxxx"

// Endpoint is the address of one Alertmanager: the base URL that its API lies
// below, and the user and password of basic authentication if there are any.
// Only ParseURLs makes valid ones. Printing one does not show its password.
type Endpoint struct {
	url  *url.URL // with userinfo, without a slash at the end of the path
	name string   // what logs, metrics and status call it
	// push is where alerts are posted, where that is no Alertmanager's API; nil else.
	push *url.URL
}

// String is the URL without its password.
func (e Endpoint) String() string { return e.name }

// GoString keeps %#v from showing the password.
func (e Endpoint) GoString() string { return "notify.Endpoint(" + e.name + ")" }

// ParseURLs reads a comma-separated list of Alertmanager base URLs, as in
// ALERTMANAGER_URL. An empty list is allowed, duplicates are removed, order is
// kept. The error joins all the bad entries and names each of them without its
// password; the good ones are returned all the same.
func ParseURLs(s string) ([]Endpoint, error) {
	var (
		endpoints []Endpoint
		errs      []error
		urls      = map[string]string{} // full URL by name
	)
	for entry := range strings.SplitSeq(s, ",") {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		ep, err := parseURL(entry)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		switch known, ok := urls[ep.name]; {
		case !ok:
			urls[ep.name] = ep.url.String()
			endpoints = append(endpoints, ep)
		case known != ep.url.String():
			errs = append(errs, badURL(entry, "listed twice with different credentials"))
		}
	}
	return endpoints, errors.Join(errs...)
}

func parseURL(entry string) (Endpoint, error) {
	if !strings.Contains(entry, "://") {
		return Endpoint{}, badURL(entry, "no scheme, did you mean http://"+redactEntry(entry)+"?")
	}
	u, err := url.Parse(entry)
	if err != nil {
		// The cause is not repeated: it may quote a part of the password.
		return Endpoint{}, badURL(entry, "not a URL: check host and port, and percent-encode special characters in user and password")
	}
	if reason := refusal(u); reason != "" {
		return Endpoint{}, badURL(entry, reason)
	}
	if !strings.Contains(u.Host, "%") { // the zone of an IPv6 address has case
		u.Host = strings.ToLower(u.Host)
	}
	if password, _ := u.User.Password(); u.User.Username()+password == "" {
		u.User = nil
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return Endpoint{url: u, name: displayName(u)}, nil
}

// refusal says why u cannot be an Alertmanager's base URL; empty if it can.
func refusal(u *url.URL) string {
	path := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/alerts")
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("scheme %q is neither http nor https", u.Scheme)
	case u.Hostname() == "":
		return "no host"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "leave out everything from ? or # on"
	case strings.HasSuffix(path, "/api/v1"), strings.HasSuffix(path, "/api/v2"):
		return "give the base URL, without the API's path"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "port is not between 1 and 65535"
		}
	}
	return ""
}

func badURL(entry, reason string) error {
	return fmt.Errorf("alertmanager URL %q: %s (expected a form like http://alertmanager:9093 or https://user:password@example.org/prefix)",
		redactEntry(entry), reason)
}

// redactEntry hides what may be a password in text that need not be a URL:
// everything before the last @, and a port that is no number, which is what a
// password with a comma in it leaves behind.
func redactEntry(entry string) string {
	start := 0
	if i := strings.Index(entry, "://"); i >= 0 {
		start = i + len("://")
	}
	if at := strings.LastIndexByte(entry, '@'); at >= start {
		return entry[:start] + redacted + entry[at:]
	}
	authority, path := entry[start:], ""
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority, path = authority[:i], authority[i:]
	}
	host := max(strings.IndexByte(authority, ']'), 0) // past the colons of an IPv6 address
	if i := strings.IndexByte(authority[host:], ':'); i >= 0 {
		port := host + i + 1
		if strings.Trim(authority[port:], "0123456789") != "" {
			authority = authority[:port] + redacted
			path = "" // may be the rest of the password
		}
	}
	return entry[:start] + authority + path
}

// displayName is the URL without secrets. A user without a password is one
// too: it is how tokens are passed.
func displayName(u *url.URL) string {
	if _, ok := u.User.Password(); u.User != nil && !ok {
		v := *u
		v.User = url.User(redacted)
		return v.String()
	}
	return u.Redacted()
}

// scrub returns a function that removes the credentials from a text that the
// other side wrote, such as an error page that repeats the request. The bare
// password is left alone: it may be a common word, and replacing every
// "alertmanager" would garble the text and give the password away.
func (e Endpoint) scrub() func(string) string {
	if e.url.User == nil {
		return func(s string) string { return s }
	}
	password, _ := e.url.User.Password()
	pair := e.url.User.Username() + ":" + password
	return strings.NewReplacer(
		base64.StdEncoding.EncodeToString([]byte(pair)), redacted,
		pair, redacted,
		e.url.User.String(), redacted, // percent-encoded, as in a URL
	).Replace
}
