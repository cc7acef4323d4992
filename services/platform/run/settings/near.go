package settings

import (
	"fmt"

	"coso/services/platform/text"
)

// nearest is a question for the known name that looks most like an unknown one; empty if none does.
func nearest(name string, known []string) string {
	if best := text.Nearest(name, known); best != "" {
		return fmt.Sprintf("; is it %s?", best)
	}
	return ""
}
