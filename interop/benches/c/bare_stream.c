/*
 * bare_stream.c: the least that a server of null calls over TCP or a Unix socket can do, and so the limit for every other.
 *
 *     bare_stream PORT | PATH
 *
 * One thread, one epoll loop, no library: every call of one read is answered, whatever it asks, and all answers leave in one
 * write. Prints "ready" when it listens.
 */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER 262144	/* bytes of calls that are answered at once */
#define MARK 4		/* the record mark, RFC 5531 section 11 */
#define ANSWER 28	/* the mark, xid, REPLY, MSG_ACCEPTED, AUTH_NONE, no verifier, SUCCESS */
#define EVENTS 256

/* What a connection has begun to send: of a small call, never more than one. */
struct rest {
	size_t length;
	char bytes[4096];
};

static struct rest *rests[65536];
static char in[BUFFER], out[BUFFER];

static void
fail(const char *what)
{
	perror(what);
	exit(1);
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
	if (listen(fd, 1024) != 0)
		fail("listen");
	return (fd);
}

static void
end(int fd)
{
	close(fd);
	free(rests[fd]);
	rests[fd] = NULL;
}

/* Reads once and answers what came whole; false when the connection is to end. */
static int
answer(int fd)
{
	static const uint32_t words[] = { 0x80000018, 0, 1, 0, 0, 0, 0 };
	struct rest *rest = rests[fd];
	size_t i, have = rest->length, at = 0, written = 0;
	char reply[ANSWER];
	ssize_t n;

	for (i = 0; i < 7; i++)
		((uint32_t *)reply)[i] = htonl(words[i]);
	memcpy(in, rest->bytes, have);
	n = read(fd, in + have, sizeof(in) - have);
	if (n <= 0)
		return (0);
	have += (size_t)n;
	while (have - at >= MARK + 4) {
		uint32_t mark;

		memcpy(&mark, in + at, sizeof(mark));
		mark = ntohl(mark) & 0x7fffffff;
		if (have - at < MARK + mark)
			break;
		memcpy(reply + MARK, in + at + MARK, 4);
		memcpy(out + written, reply, ANSWER);
		written += ANSWER;
		at += MARK + mark;
	}
	rest->length = have - at;
	if (rest->length > sizeof(rest->bytes))
		return (0);
	memcpy(rest->bytes, in + at, rest->length);
	for (at = 0; at < written; at += (size_t)n) {
		n = write(fd, out + at, written - at);
		if (n < 0)
			return (0);
	}
	return (1);
}

int
main(int argc, char **argv)
{
	struct epoll_event event = { .events = EPOLLIN }, events[EVENTS];
	int listener, poller, i, n, fd, on = 1;

	if (argc != 2) {
		fprintf(stderr, "usage: bare_stream PORT | PATH\n");
		return (2);
	}
	listener = listening(argv[1]);
	poller = epoll_create1(0);
	event.data.fd = listener;
	epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		n = epoll_wait(poller, events, EVENTS, -1);
		for (i = 0; i < n; i++) {
			fd = events[i].data.fd;
			if (fd != listener) {
				if (!answer(fd))
					end(fd);
				continue;
			}
			fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
			if (fd < 0)
				continue;
			if (fd >= 65536) {
				close(fd);
				continue;
			}
			/* Of a Unix socket there is nothing to set. */
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
			rests[fd] = calloc(1, sizeof(struct rest));
			event.data.fd = fd;
			epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
		}
	}
}
