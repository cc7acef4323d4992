// Package e2e holds the end-to-end tests: the assembled coso over HTTP, as an office would use it.
package e2e
