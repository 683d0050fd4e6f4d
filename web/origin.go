package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// hosts are the names that we answer to. A browser that was led here by a name of
// somebody else's (DNS rebinding) lets that one's pages read what we answer; it
// cannot be led here by an address, as there is nothing to resolve.
type hosts struct {
	own     []string // names of this machine
	allowed []string // what the user added: "name", "*.domain", "*"
}

func newHosts(own, allowed []string) *hosts {
	h := &hosts{own: []string{"localhost"}}
	for _, name := range own {
		h.own = append(h.own, bareHost(name))
	}
	for _, name := range allowed {
		h.allowed = append(h.allowed, bareHost(name))
	}
	return h
}

// bareHost is a host without its port, brackets and final dot, in lower case.
func bareHost(s string) string {
	if host, port, err := net.SplitHostPort(s); err == nil && strings.Trim(port, "0123456789") == "" {
		s = host
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// ours tells whether a request by this Host may be answered. One without any does
// not come from a browser.
func (h *hosts) ours(host string) bool {
	name := bareHost(host)
	if ip, err := netip.ParseAddr(name); err == nil && ip.Zone() == "" || name == "" {
		return true
	}
	return slices.Contains(h.own, name) || h.added(name)
}

// added tells whether the user has allowed a name.
func (h *hosts) added(name string) bool {
	return slices.ContainsFunc(h.allowed, func(pattern string) bool {
		if domain, ok := strings.CutPrefix(pattern, "*."); ok {
			return strings.HasSuffix(name, "."+domain)
		}
		return pattern == "*" || pattern == name
	})
}

// refusal is why a request is not answered; the reason is empty if it is.
func (h *hosts) refusal(r *http.Request) (reason, text string) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/-/") && isSafe(r):
		// Probes tell nothing, and come by any name.
		return "", ""
	case !h.ours(r.Host):
		return reasonHost, fmt.Sprintf("%.100q is not a name of this Tocsin; use an IP address, localhost or the machine's name, "+
			"or add it to WEB_ALLOWED_HOSTS (--web.allowed-hosts)", r.Host)
	case !h.sameOrigin(r):
		return reasonOrigin, "requests from web pages of another origin are refused"
	}
	return "", ""
}

// sameOrigin tells whether a request comes from one of our own pages, from no
// page, or from following a link. Browsers say so: the newer ones in
// Sec-Fetch-Site, all of them in Origin.
func (h *hosts) sameOrigin(r *http.Request) bool {
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case site == "same-origin", site == "none", isNavigation(r):
		return true
	case site != "":
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false // "null" too
	}
	return strings.EqualFold(u.Host, r.Host) || h.added(bareHost(u.Host))
}

// isNavigation tells whether the user is on the way to one of our pages, whose
// answer the page left behind does not see.
func isNavigation(r *http.Request) bool {
	return isSafe(r) && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

func isSafe(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}
