package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxBody bounds a request's body. The protocol's requests have none, or {}.
const maxBody = 64 << 10

var errBodyKind = errors.New("expected an empty request body or a JSON object")

// checkBody accepts what the protocol allows as a request without parameters:
// nothing, {}, and objects whose fields a later version of the engine may add.
func checkBody(r io.Reader) error {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err != nil {
		return fmt.Errorf("read request body: %w", err)
	}
	if len(body) > maxBody {
		return fmt.Errorf("%w of at most %d bytes", errBodyKind, maxBody)
	}
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return fmt.Errorf("%w: %w", errBodyKind, err)
	}
	if fields == nil {
		return fmt.Errorf("%w, not null", errBodyKind)
	}
	return nil
}
