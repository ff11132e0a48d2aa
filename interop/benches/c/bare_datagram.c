/*
 * bare_datagram.c: the least that a server of null calls over UDP can do, and so the limit for every other.
 *
 *     bare_datagram PORT [PROCESSES]
 *
 * Each process takes up to 64 calls with one recvmmsg, answers each, whatever it asks, and sends all answers with one
 * sendmmsg. Several have a socket each, between which the kernel shares the peers. Prints "ready" when it is bound.
 */
#define _GNU_SOURCE /* recvmmsg */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define CALL 1500	/* bytes; all but the xid, the first 4, are left unread */
#define ANSWER 24	/* xid, REPLY, MSG_ACCEPTED, AUTH_NONE, no verifier, SUCCESS */

int
main(int argc, char **argv)
{
	static char calls[BATCH][CALL], answers[BATCH][ANSWER];
	static struct sockaddr_in peers[BATCH];
	static struct iovec in[BATCH], out[BATCH];
	static struct mmsghdr asked[BATCH], answered[BATCH];
	struct sockaddr_in address = { .sin_family = AF_INET };
	uint32_t reply = htonl(1);
	int fd, i, n, sent, processes, buffer = 4 << 20, on = 1;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: bare_datagram PORT [PROCESSES]\n");
		return (2);
	}
	processes = argc > 2 ? atoi(argv[2]) : 1;
	while (--processes > 0 && fork() != 0)
		;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		perror("bind");
		return (1);
	}
	for (i = 0; i < BATCH; i++) {
		in[i] = (struct iovec){ calls[i], CALL };
		out[i] = (struct iovec){ answers[i], ANSWER };
		asked[i].msg_hdr = (struct msghdr){ .msg_name = &peers[i], .msg_iov = &in[i], .msg_iovlen = 1 };
		answered[i].msg_hdr = (struct msghdr){ .msg_name = &peers[i], .msg_namelen = sizeof(peers[i]), .msg_iov = &out[i], .msg_iovlen = 1 };
		memcpy(answers[i] + 4, &reply, sizeof(reply));
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		for (i = 0; i < BATCH; i++)
			asked[i].msg_hdr.msg_namelen = sizeof(peers[i]);
		n = recvmmsg(fd, asked, BATCH, MSG_WAITFORONE, NULL);
		for (i = 0; i < n; i++)
			memcpy(answers[i], calls[i], 4);
		for (i = 0; i < n; i += sent) {
			sent = sendmmsg(fd, answered + i, (unsigned)(n - i), 0);
			if (sent < 1)
				break;
		}
	}
}
