package replay

import "time"

var t0 = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

const step15 = 15 * time.Second
