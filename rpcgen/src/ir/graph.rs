//! Which things depend on each other.

/// Groups of nodes that lead to each other (Tarjan's strongly connected components), each group after all
/// groups that it leads to. `edges[n]` are the nodes that `n` leads to.
///
/// In a loop: the input decides how long a path is, the stack must not.
pub(super) fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut number = vec![UNSEEN; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut open = vec![false; edges.len()];
    let mut stack = Vec::new();
    let mut groups = Vec::new();
    let mut next = 0;
    for root in 0..edges.len() {
        if number[root] != UNSEEN {
            continue;
        }
        // The path from the root, with the number of edges that have been followed from each node.
        let mut path = vec![(root, 0)];
        while let Some((node, followed)) = path.last_mut() {
            let node = *node;
            if *followed == 0 {
                number[node] = next;
                low[node] = next;
                next += 1;
                open[node] = true;
                stack.push(node);
            }
            match edges[node].get(*followed) {
                Some(&to) => {
                    *followed += 1;
                    if number[to] == UNSEEN {
                        path.push((to, 0));
                    } else if open[to] {
                        low[node] = low[node].min(number[to]);
                    }
                    continue;
                }
                None => {
                    path.pop();
                }
            }
            if let Some((parent, _)) = path.last() {
                low[*parent] = low[*parent].min(low[node]);
            }
            if low[node] == number[node] {
                let mut group = Vec::new();
                while let Some(member) = stack.pop() {
                    open[member] = false;
                    group.push(member);
                    if member == node {
                        break;
                    }
                }
                group.sort_unstable();
                groups.push(group);
            }
        }
    }
    groups
}

/// Whether the nodes of `group` lead to themselves.
pub(super) fn is_cycle(group: &[usize], edges: &[Vec<usize>]) -> bool {
    group.len() > 1 || group.iter().any(|node| edges[*node].contains(node))
}
