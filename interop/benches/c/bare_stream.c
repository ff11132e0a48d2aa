/*
 * bare_stream.c: the least that a server over TCP or a Unix socket can do, and so the limit for every other.
 *
 *     bare_stream PORT | PATH [PROCESSES [RESULTS]]
 *
 * One epoll loop in each process, no library: every call of one read is answered, whatever it asks, with the bytes of the file
 * RESULTS as its results (none without one), and all answers leave in one write. Prints "ready" when it listens.
 */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER 262144	/* bytes that are read at once, and of answers that leave in one write */
#define HEAD 8		/* of a call: the record mark (RFC 5531 section 11) and the xid */
#define ANSWER 28	/* the mark, xid, REPLY, MSG_ACCEPTED, AUTH_NONE, no verifier, SUCCESS */
#define EVENTS 256
#define CONNECTIONS 65536

/* What has come of a connection's call. */
struct call {
	uint32_t have;		/* bytes of the head */
	uint32_t rest;		/* bytes behind the head that are still to come */
	char head[HEAD];
};

static struct call calls[CONNECTIONS];
static char in[BUFFER], out[BUFFER + ANSWER];
static char *results;
static size_t results_length;

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
read_results(const char *path)
{
	FILE *file = fopen(path, "r");

	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
		fail(path);
	results_length = (size_t)ftell(file);
	results = malloc(results_length + 1);
	rewind(file);
	if (fread(results, 1, results_length, file) != results_length)
		fail(path);
	fclose(file);
}

static int
listening(const char *where)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in inet = { .sin_family = AF_INET };
	int fd, on = 1;

	if (where[0] == '/') {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", where);
		unlink(where);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0)
			fail("bind");
	} else {
		inet.sin_port = htons((uint16_t)atoi(where));
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, (struct sockaddr *)&inet, sizeof(inet)) != 0)
			fail("bind");
	}
	if (listen(fd, 4096) != 0)
		fail("listen");
	return (fd);
}

/* Writes it all; false when nobody takes it. */
static int
send_all(int fd, const char *bytes, size_t length)
{
	struct pollfd taken = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	while (length > 0) {
		n = write(fd, bytes, length);
		if (n < 0 && errno == EAGAIN)
			poll(&taken, 1, -1);
		else if (n < 0)
			return (0);
		else {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return (1);
}

/* Reads once and answers what came whole; false when the connection is to end. */
static int
answer(int fd)
{
	uint32_t reply[ANSWER / 4] = { htonl(0x80000000 | (uint32_t)(ANSWER - 4 + results_length)), 0, htonl(1) };
	struct call *call = &calls[fd];
	size_t take, at = 0, length, written = 0;
	ssize_t n = read(fd, in, sizeof(in));

	if (n <= 0)
		return (n < 0 && errno == EAGAIN);
	length = (size_t)n;
	while (at < length || (call->have == HEAD && call->rest == 0)) {
		if (call->have < HEAD) {
			take = HEAD - call->have < length - at ? HEAD - call->have : length - at;
			memcpy(call->head + call->have, in + at, take);
			call->have += (uint32_t)take;
			at += take;
			if (call->have < HEAD)
				break;
			memcpy(&call->rest, call->head, sizeof(call->rest));
			call->rest = (ntohl(call->rest) & 0x7fffffff) - 4;
		}
		take = call->rest < length - at ? call->rest : length - at;
		call->rest -= (uint32_t)take;
		at += take;
		if (call->rest > 0)
			break;
		call->have = 0;
		memcpy(&reply[1], call->head + 4, sizeof(reply[1]));
		memcpy(out + written, reply, ANSWER);
		written += ANSWER;
		if (results_length > 0 || written > BUFFER - ANSWER) {
			if (!send_all(fd, out, written) || !send_all(fd, results, results_length))
				return (0);
			written = 0;
		}
	}
	return (send_all(fd, out, written));
}

int
main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN }, events[EVENTS];
	int listener, poller, i, n, fd, processes, on = 1;

	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: bare_stream PORT | PATH [PROCESSES [RESULTS]]\n");
		return (2);
	}
	processes = argc > 2 ? atoi(argv[2]) : 1;
	if (argc > 3)
		read_results(argv[3]);
	listener = listening(argv[1]);
	printf("ready\n");
	fflush(stdout);
	while (--processes > 0 && fork() != 0)
		;
	poller = epoll_create1(0);
	event.data.fd = listener;
	/* One of the processes is woken by a new connection. */
	event.events = EPOLLIN | EPOLLEXCLUSIVE;
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
	event.events = EPOLLIN;
	for (;;) {
		n = epoll_wait(poller, events, EVENTS, -1);
		for (i = 0; i < n; i++) {
			fd = events[i].data.fd;
			if (fd != listener) {
				if (!answer(fd))
					close(fd);
				continue;
			}
			fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
			if (fd < 0)
				continue;
			if (fd >= CONNECTIONS) {
				close(fd);
				continue;
			}
			/* Of a Unix socket there is nothing to set. */
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			memset(&calls[fd], 0, sizeof(calls[fd]));
			event.data.fd = fd;
			epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
		}
	}
}
