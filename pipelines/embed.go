// Package pipelines holds the ready couplings, so that the demo can run them.
package pipelines

import "embed"

// Files are the ready couplings, each in a folder of its name: main.hcl,
// README.md, data, and in testdata/before what stands at the target before the
// first run. They may hold what a run by hand left in data.
//
//go:embed */main.hcl */README.md */data */testdata/before
var Files embed.FS
