package notify

import (
	"testing"
	"time"

	httptransport "github.com/go-openapi/runtime/client"
)

// The client library dumps requests, credentials included, where it sees the
// variable DEBUG.
func TestClientIgnoresDebugVariable(t *testing.T) {
	t.Setenv("DEBUG", "1")
	t.Setenv("SWAGGER_DEBUG", "1")
	c := newClient(access{ep: mustParse(t, "http://me:secret@am")[0], timeout: time.Second}, "1", nil)
	rt, ok := c.api.Transport.(*httptransport.Runtime)
	if !ok {
		t.Fatalf("transport is a %T", c.api.Transport)
	}
	if rt.Debug {
		t.Error("requests would be dumped to stderr")
	}
}
