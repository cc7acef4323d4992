// Package gen holds what `make generate` writes from the proto files: one Go
// package per service and version under coso/, and the OpenAPI document of all
// services together. Only this file is written by hand.
package gen

import _ "embed"

// OpenAPI is the OpenAPI 3.1 document (JSON, UTF-8) of every HTTP route of
// every service. Callers must not change it.
//
//go:embed openapi.json
var OpenAPI []byte
