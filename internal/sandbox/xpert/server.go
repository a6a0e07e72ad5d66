package xpert

import "koppel/internal/sandbox/traffic"

// Listen starts the server on 127.0.0.1; port 0 takes any free one. It delivers
// webhooks as long as it is up.
func (s *System) Listen(port int) (*traffic.Sending, error) {
	return traffic.ListenSending(port, s.Traffic, s.deliverDue, s.wake, s.client.CloseIdleConnections)
}
