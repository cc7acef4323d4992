package main

import (
	"fmt"
	"net/url"
)

// AfterApply refuses a --server that is no address of one, before anything is sent or read.
func (f serverFlag) AfterApply() error {
	u, err := url.Parse(f.Server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("--server: %q is no address of a server; write it like http://127.0.0.1:8080", f.Server)
	}
	return nil
}
