/*
 * libtirpc_client.c: null calls of hello.x with clnt_call, one at a time, from so many processes.
 *
 *     libtirpc_client NETID PORT | PATH PROCESSES SECONDS
 *     libtirpc_client NETID PORT | PATH PROCESSES calls CALLS
 *
 * Prints how many calls all of them made in a second.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rpc/rpc.h>

#define HELLO_PROGRAM 0x20000e10
#define HELLO_V1 1

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return ((double)time.tv_sec + (double)time.tv_nsec / 1e9);
}

static CLIENT *
connected(const char *netid, const char *where)
{
	struct netconfig *config = getnetconfigent(netid);
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in inet = { .sin_family = AF_INET };
	struct netbuf address;
	CLIENT *client;

	if (config == NULL) {
		fprintf(stderr, "libtirpc_client: no such netid: %s\n", netid);
		exit(2);
	}
	if (strcmp(netid, "local") == 0) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", where);
		address = (struct netbuf){ sizeof(un), sizeof(un), &un };
	} else {
		inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		inet.sin_port = htons((uint16_t)atoi(where));
		address = (struct netbuf){ sizeof(inet), sizeof(inet), &inet };
	}
	client = clnt_tli_create(RPC_ANYFD, config, &address, HELLO_PROGRAM, HELLO_V1, 0, 0);
	if (client == NULL) {
		clnt_pcreateerror("libtirpc_client");
		exit(1);
	}
	return (client);
}

/* Calls until it is time, or so often; how many a second that were. */
static double
calls(CLIENT *client, double seconds, unsigned long count)
{
	struct timeval timeout = { 10, 0 };
	double begun = now(), elapsed = 0;
	unsigned long made = 0;

	while (count > 0 ? made < count : elapsed < seconds) {
		enum clnt_stat status = clnt_call(client, NULLPROC, (xdrproc_t)xdr_void, NULL, (xdrproc_t)xdr_void, NULL, timeout);
		if (status != RPC_SUCCESS) {
			clnt_perror(client, "libtirpc_client");
			exit(1);
		}
		made++;
		/* A look at the clock is no system call. */
		elapsed = now() - begun;
	}
	return ((double)made / elapsed);
}

int
main(int argc, char **argv)
{
	int i, processes, rates[2], status, failed = 0;
	double rate, sum = 0;

	if (argc != 5 && argc != 6) {
		fprintf(stderr, "usage: libtirpc_client NETID PORT|PATH PROCESSES SECONDS | calls CALLS\n");
		return (2);
	}
	processes = atoi(argv[3]);
	if (pipe(rates) != 0)
		return (1);
	for (i = 0; i < processes; i++) {
		if (processes > 1 && fork() != 0)
			continue;
		rate = calls(connected(argv[1], argv[2]), atof(argv[4]), argc > 5 ? strtoul(argv[5], NULL, 10) : 0);
		if (write(rates[1], &rate, sizeof(rate)) != sizeof(rate))
			return (1);
		if (processes > 1)
			_exit(0);
	}
	for (i = 0; i < processes; i++) {
		if (processes > 1 && (wait(&status) < 0 || status != 0))
			failed = 1;
		else if (read(rates[0], &rate, sizeof(rate)) == sizeof(rate))
			sum += rate;
	}
	printf("%.1f\n", sum);
	return (failed);
}
